"""The shapes of a chat as OpenAI's clients send it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.schemas.asks import MembersChoice, Names
from app.schemas.common import Request


def _without_nulls(value: object) -> object:
    """What a client sends as null, it leaves out."""
    if isinstance(value, Mapping):
        return {name: each for name, each in value.items() if each is not None}
    return value


class _Lenient(BaseModel):
    """A part of a chat; null is a field left out."""

    _nulls_are_left_out = model_validator(mode="before")(_without_nulls)


class Part(_Lenient):
    """A part of a message; parts other than text are ignored."""

    type: str
    text: str = ""


class Message(_Lenient):
    """A turn of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(_Lenient):
    """What a stream tells besides the answer; `include_usage` asks for the tokens in a chunk at its end."""

    include_usage: bool = False


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Stop = Annotated[str, Field(min_length=1)]

# Fields of OpenAI that can ask for another answer than this service gives, and whether a value does.
_ASKS_FOR_MORE: Mapping[str, Callable[[Any], bool]] = {
    "n": lambda value: bool(value != 1),
    "response_format": lambda value: bool(value != {"type": "text"}),
    "modalities": lambda value: bool(value != ["text"]),
    "audio": bool,
    "logprobs": bool,
    "top_logprobs": bool,
    "logit_bias": bool,
    "presence_penalty": bool,
    "frequency_penalty": bool,
    "tools": bool,
    "tool_choice": lambda value: value not in ("none", "auto"),
    "functions": bool,
    "function_call": lambda value: value not in ("none", "auto"),
    "web_search_options": lambda value: True,
}


def _refuse_what_is_not_done(value: object) -> object:
    """Return a chat before it is validated. PydanticCustomError: a field asks for what is not done here."""
    if isinstance(value, Mapping):
        asks = dict(_ASKS_FOR_MORE)
        if value.get("temperature"):
            # Words are drawn from all; at temperature 0 there is nothing to draw.
            asks["top_p"] = lambda part: bool(part != 1)
        for name, is_more in asks.items():
            if value.get(name) is not None and is_more(value[name]):
                told = "this service does not do what {name} asks for here: leave it out"
                raise PydanticCustomError("not_done", told, {"name": name, "where": (name,)})
    return value


class ChatRequest(Request):
    """A chat whose last turn of the user is the question; null is a field left out.

    `model` is `library`, a book's id or title, or a beginning of one that no other book has; `@VERSION`
    behind it is a version's number or alias. The answer ends before the first text of `stop`, and after
    `max_completion_tokens` or, by its older name, `max_tokens`.
    Fields of OpenAI that ask for another answer are refused; others that are not listed here are ignored.

    Not OpenAI's are `authors` and `tags`, which limit the library, `min_confidence`, below which the service
    says that it does not know (0 always answers, and without it the threshold of the skill counts), and
    `members`, as in `POST /ask`.
    """

    model_config = ConfigDict(extra="ignore")

    _only_what_is_done = model_validator(mode="before")(_refuse_what_is_not_done)
    _nulls_are_left_out = model_validator(mode="before")(_without_nulls)

    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    temperature: float | None = Field(None, ge=0, le=2)
    seed: int | None = None
    stop: Annotated[list[Stop], BeforeValidator(_listed)] = Field([], max_length=4)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    authors: Names | None = None
    tags: Names | None = None
    min_confidence: float | None = Field(None, ge=0, le=1)
    members: MembersChoice = "auto"

    @property
    def most_tokens(self) -> int | None:
        """How long the answer may be; None for any length."""
        return min(filter(None, [self.max_tokens, self.max_completion_tokens]), default=None)
