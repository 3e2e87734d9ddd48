"""How much of a long list is given at once."""

from typing import Annotated

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=200)]
PAGE = 50
