"""API keys and the audit log, as they are shown."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

Role = Literal["reader", "writer", "admin"]


def _seconds(moment: object) -> object:
    return int(moment.timestamp()) if isinstance(moment, datetime) else moment


At = Annotated[int, BeforeValidator(_seconds)]


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
