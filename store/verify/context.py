"""What every check is given."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from store.progress import OnProgress


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The rows to check, and the folder of the passage index for the vectors of one embedder."""

    session: Session
    index_folder: Path
    embedder: str
    on_progress: OnProgress
