"""Threads, as they are begun, named and shown."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.schemas.answers import Answer
from app.schemas.common import Request

ThreadTitle = Annotated[str, Field(max_length=200)]


class NewThread(Request):
    """A thread to begin; without a title it has that of its first question."""

    title: ThreadTitle | None = None


class RenameThread(Request):
    """Another title for a thread; null or blank is that of its first question."""

    title: ThreadTitle | None


class Thread(BaseModel):
    """Questions that follow one another: how many `questions` there are, and when the last was answered.

    The title is that of the first question where nobody gave another, and "" until there is one.
    """

    id: str
    object: Literal["thread"] = "thread"
    title: str
    questions: int
    created_at: int
    changed_at: int


class Turn(BaseModel):
    """A question of a thread, the `number`th from 1, with the answer as it was given then.

    `gone` are the ids of passages that it cites and that are not in the library any more: the book was
    removed, or has another text.
    """

    number: int
    answer: Answer
    gone: list[int]
    created_at: int


class WholeThread(Thread):
    """A thread with its turns, oldest first."""

    turns: list[Turn]
