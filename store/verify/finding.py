"""A finding: something that is wrong with the stored data, and how to mend it."""

from dataclasses import dataclass

RESTORE = "Restore a backup."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: its kind, a sentence on what it is, and a sentence on how to mend it."""

    kind: str
    what: str
    mend: str
