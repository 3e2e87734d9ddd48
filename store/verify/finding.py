"""What a check finds, and what every check is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

RESTORE = "Restore a backup."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not whole: its kind, what is wrong in a sentence, and how to mend it in another."""

    kind: str
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to be checked: the rows, and the folder of the index that an embedder's vectors are in.

    `told(what, done, of)` hears how far a check is.
    """

    session: Session
    folder: Path
    embedder: str
    told: Callable[[str, int, int], None]
