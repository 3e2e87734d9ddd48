"""The ways to choose the answerer of a question, apart from what is slow to import."""

from typing import Literal

Dispatch = Literal["random", "least-loaded", "version"]
