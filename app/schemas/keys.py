"""API keys, as they are wished for and shown, and the audit log."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.schemas.common import Request

Role = Literal["reader", "writer", "admin"]
_LONGEST_NAME = 60


def _seconds(moment: object) -> object:
    return int(moment.timestamp()) if isinstance(moment, datetime) else moment


At = Annotated[int, BeforeValidator(_seconds)]


def key_name(text: str) -> str:
    """The name of a key or its owner, on one line. ValueError: it is empty, too long or cannot be printed."""
    text = " ".join(text.split())
    if not text or not text.isprintable() or len(text) > _LONGEST_NAME:
        raise ValueError(f"expected up to {_LONGEST_NAME} characters that can be printed")
    return text


KeyName = Annotated[str, AfterValidator(key_name)]
_Count = Annotated[int, Field(ge=1, lt=2**31)]
_Amount = Annotated[int, Field(ge=1, le=2**62)]


class NewKey(Request):
    """A key to make: it expires after `days`, never without; a limit that is left out is none."""

    name: KeyName
    role: Role = "reader"
    owner: KeyName = "local"
    days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    requests_per_minute: _Count | None = None
    most_books: _Count | None = None
    most_bytes: _Amount | None = None
    most_training_tokens: _Amount | None = None


class Key(BaseModel):
    """A key, without its text, which is shown once, when it is made; a limit that is null is none.

    `owner` names the library that it reads or adds to, `training_tokens` what its jobs may have read so far.
    """

    model_config = ConfigDict(from_attributes=True)

    object: Literal["key"] = "key"
    id: str
    name: str
    role: Role
    owner: str
    requests_per_minute: int | None
    most_books: int | None
    most_bytes: int | None
    most_training_tokens: int | None
    training_tokens: int
    created_at: At
    expires_at: At | None
    revoked_at: At | None


class MadeKey(Key):
    """A key that was just made, with the `text` that callers send. It is kept nowhere and shown this once."""

    text: str


class KeyList(BaseModel):
    """All keys, the oldest first."""

    object: Literal["list"] = "list"
    data: list[Key]


class AuditLine(BaseModel):
    """A request and its `status`: who made it, with which key (null: there was none), and when it ended."""

    model_config = ConfigDict(from_attributes=True)

    object: Literal["audit_line"] = "audit_line"
    id: int
    at: At
    who: str
    key_id: str | None
    role: Role
    method: str
    path: str
    status: int
