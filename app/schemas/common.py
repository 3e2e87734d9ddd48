"""What requests and lists have in common."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Request(BaseModel):
    """What a caller sends; an unknown field is an error, so that a typo is not ignored."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[T]):
    """One page of a list; when `has_more`, ask again with `after` set to the last id."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool


class Readiness(BaseModel):
    """Whether the service answers questions yet, and what it waits for."""

    ready: bool
    detail: str = ""
