"""What a check of the machine, the settings or the library finds."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Check:
    """What was seen of one thing, and how to mend it where it is not `ok`.

    With a `fault` the service does not start or does not answer; with a `warning` it does, but not as well as
    it could, or not for long.
    """

    name: str
    state: State
    seen: str
    mend: str = ""


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
