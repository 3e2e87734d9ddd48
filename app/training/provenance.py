"""The provenance of a version: what it learned from, and with which libraries."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy.orm import Session

from app.answering.skill import LoadedSkill
from store import books
from store.passages import passages_to_learn, text_to_learn
from store.tables import Passage, Study

_COMPUTE = ("bitsandbytes", "bookchorus", "peft", "safetensors", "torch", "transformers")


@dataclass(frozen=True)
class Source:
    """The text and passages of a book that are learned, and the number of their revision."""

    revision: int
    text: str
    passages: Sequence[Passage]

    @property
    def passage_texts(self) -> list[str]:
        """What each passage says."""
        return [passage.text for passage in self.passages]


def source(session: Session, book_id: str) -> Source:
    """What is learned of a book's newest revision. NotFoundError: there is no such book."""
    revision = books.get(session, book_id).revision
    return Source(revision, text_to_learn(session, book_id), passages_to_learn(session, book_id))


def data(source: Source, skill: LoadedSkill, study: Study | None) -> dict[str, str]:
    """SHA-256 of what members learned from: of the text, the synthetic questions, and the skill or, where the
    LLM has learned none, the words of the instruction.
    """
    found = {"text": sha256(source.text.encode()).hexdigest()}
    found["instruction" if skill.is_instruction else "skill"] = skill.digest
    if study is not None:
        found["study"] = study.artifact_sha256
    return found


def libraries() -> dict[str, str]:
    """The versions of Python and of the libraries that compute, by name; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in _COMPUTE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
