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


class Readiness(BaseModel):
    """Whether the service answers questions and learns books, and where not, why."""

    ready: bool
    detail: str = ""
