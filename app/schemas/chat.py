"""The shapes of a chat as OpenAI's clients send it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.answers import MembersChoice, Names
from app.schemas.common import Request


class Part(BaseModel):
    """A part of a message; parts other than text are ignored."""

    type: str
    text: str = ""


class Message(BaseModel):
    """A turn of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ChatRequest(Request):
    """A chat whose last turn of the user is the question; what is not listed here is ignored.

    `model` is `library`, a book's id, or `ID@VERSION` with a version's number or alias. Not OpenAI's are
    `authors` and `tags`, which limit the library, `min_confidence`, below which the service says that it
    does not know (0 always answers, and without it the threshold of the skill counts), and `members`, as in
    `POST /ask`.
    """

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    temperature: float | None = Field(None, ge=0, le=2)
    seed: int | None = None
    authors: Names | None = None
    tags: Names | None = None
    min_confidence: float | None = Field(None, ge=0, le=1)
    members: MembersChoice = "auto"
