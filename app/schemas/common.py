"""What requests and lists have in common."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.schemas.text import refuse_unkept

T = TypeVar("T")

# The most is a number below 2**63 that the description of the API, which has floats, can name.
Seed = Annotated[int, Field(ge=0, le=9 * 10**18)]


class Request(BaseModel):
    """What a caller sends; an unknown field is an error, so that a typo is not ignored.

    So is a value of another kind, such as 0 for false or "1" for 1, and text that cannot be kept, in any
    field and however deep.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    _text_is_kept = model_validator(mode="before")(refuse_unkept)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, value: object) -> object:
        """1.0 is an integer, as JSON Schema has it."""
        if not isinstance(value, dict):
            return value
        return {
            name: int(each) if isinstance(each, float) and each.is_integer() else each
            for name, each in value.items()
        }


class Page(BaseModel, Generic[T]):
    """One page of a list; when `has_more`, ask again with `after` set to the last id."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool


class OnPages(BaseModel):
    """A passage with the labels of the pages that it begins and ends on; null where they are not known."""

    first_page: str | None = None
    last_page: str | None = None

    def on_pages(self) -> str | None:
        """Return the pages in words: one page, or the first and the last with a dash between them."""
        if self.first_page == self.last_page:
            return None if self.first_page is None else f"page {self.first_page}"
        return f"pages {self.first_page}\N{EN DASH}{self.last_page}"


class Readiness(BaseModel):
    """Whether the service answers questions and learns books, and where not, why."""

    ready: bool
    detail: str = ""
