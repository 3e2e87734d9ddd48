"""What requests and lists have in common."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from app.schemas.text import refuse_unkept

T = TypeVar("T")


class Request(BaseModel):
    """What a caller sends; an unknown field is an error, so that a typo is not ignored.

    So is text that cannot be kept, in any field and however deep.
    """

    model_config = ConfigDict(extra="forbid")

    _text_is_kept = model_validator(mode="before")(refuse_unkept)


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
