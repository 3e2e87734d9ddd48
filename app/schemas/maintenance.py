"""What became of looking after the store."""

from typing import Literal

from pydantic import BaseModel


class Finding(BaseModel):
    """Something that is not whole: its kind, what is wrong, and how to mend it."""

    kind: str
    what: str
    mend: str


class Verification(BaseModel):
    """All that was found; nothing where all is whole."""

    object: Literal["verification"] = "verification"
    whole: bool
    findings: list[Finding]


class Rebuilt(BaseModel):
    """The index, made anew of so many passages."""

    object: Literal["rebuilt"] = "rebuilt"
    passages: int
