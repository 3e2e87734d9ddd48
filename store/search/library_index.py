"""The index of one state of the passages: their vectors and their words, made, followed, kept in a folder."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from shutil import rmtree
from typing import Any
from zipfile import BadZipFile

import numpy as np
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from store.search.faiss_snapshot import FaissSnapshot
from store.search.library_words import LibraryWords
from store.search.stemmers import form_of_stems
from store.tables import Book, Passage

FINGERPRINT = "passages.json"
_WORDS = "words.npz"
_NEW = ".new"


@dataclass(frozen=True, slots=True)
class PassageState:
    """The number of passages and the last id, which identify them, since no id is given twice; how many are
    `embedded`: of books whose passages all have a vector; and how many are in books of each language, by its
    tag, "" where it is not known. Two books of one length that exchange their languages look the same.
    """

    passages: int
    last_passage: int
    embedded: int
    languages: Mapping[str, int] = field(default_factory=dict)


def read_state(session: Session, embedder: str) -> PassageState:
    """Return the present state of the passages, and of their vectors by this embedder."""
    # Books know their number of passages: counting a million takes longer than a search.
    own = func.sum(case((Book.embedder == embedder, Book.passage_count), else_=0))
    query = select(Book.language, func.sum(Book.passage_count), own).group_by(Book.language)
    rows = session.execute(query).all()
    return PassageState(
        passages=sum(passages for _, passages, _ in rows),
        last_passage=session.scalar(select(func.max(Passage.id))) or 0,
        embedded=sum(embedded for _, _, embedded in rows),
        languages={language or "": passages for language, passages, _ in rows},
    )


class UnusableIndexError(Exception):
    """The index in a folder cannot be used; the message completes a sentence that begins "The index"."""


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """The form, embedder and state of an index's files, and the SHA-256 of each by its name."""

    form: str
    embedder: str
    state: dict[str, Any]
    dimension: int
    sha256: dict[str, str]


@dataclass(frozen=True, slots=True)
class LibraryIndex:
    """The words of all passages in one state, and the vectors of books whose passages all have one."""

    state: PassageState
    dense: FaissSnapshot
    words: LibraryWords

    @classmethod
    def open(cls, folder: Path, embedder: str) -> "LibraryIndex":
        """Read the index in `folder`. UnusableIndexError: it is missing, damaged, or of another embedder."""
        try:
            told = json.loads((folder / FINGERPRINT).read_text(encoding="utf-8"))
            if told.get("form") != current_form():
                raise UnusableIndexError("is of another version of this program, or of its stemmers")
            known = _Fingerprint(**told)
            state = PassageState(**known.state)
            if known.embedder != embedder:
                raise UnusableIndexError(f"is of another embedder, {known.embedder}")
            for name, digest in known.sha256.items():
                if digest_of(folder / name) != digest:
                    raise UnusableIndexError("is damaged: its bytes have another SHA-256")
            dense = FaissSnapshot.read(folder, known.sha256)
            with np.load(folder / _WORDS) as arrays:
                words = LibraryWords.of_arrays(arrays)
        except FileNotFoundError as error:
            raise UnusableIndexError("is missing") from error
        # RuntimeError: of another FAISS.
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RuntimeError, BadZipFile) as error:
            raise UnusableIndexError("is damaged: it cannot be read") from error
        if len(words.ids) != state.passages or not np.isin(dense.ids, words.ids, assume_unique=True).all():
            raise UnusableIndexError("is damaged: its files are of different passages")
        return cls(state, dense, words)

    def expect(self, state: PassageState) -> None:
        """Raise UnusableIndexError if the index is of another state."""
        if self.state == state:
            return
        if replace(self.state, languages=state.languages) == state:
            raise UnusableIndexError("is stale: books have another language since it was made")
        raise UnusableIndexError(
            f"is stale: it was made of {self._told(self.state)}, the database has {self._told(state)}"
        )

    @staticmethod
    def _told(state: PassageState) -> str:
        return f"{state.passages} passages up to {state.last_passage}, {state.embedded} with vectors"

    def save(self, folder: Path, embedder: str) -> dict[str, str]:
        """Write the index to `folder`; the SHA-256 of each of its files by its name.

        OSError: it cannot be written; the files there are left as they were.

        Of several processes one writes at a time. A crash while the files are replaced leaves some that do
        not match; `open` notices that.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            return self._replace(folder, embedder)

    def _replace(self, folder: Path, embedder: str) -> dict[str, str]:
        new = folder / _NEW
        rmtree(new, ignore_errors=True)  # a crash may have left it
        new.mkdir()
        try:
            files = self.dense.write(new)
            with (new / _WORDS).open("wb") as file:
                np.savez(file, **self.words.arrays())  # type: ignore[arg-type]
            files.append(_WORDS)
            written = {name: digest_of(new / name) for name in files}
            fingerprint = _Fingerprint(
                form=current_form(),
                embedder=embedder,
                state=asdict(self.state),
                dimension=self.dense.dimension,
                sha256=written,
            )
            files.append(FINGERPRINT)
            (new / FINGERPRINT).write_text(json.dumps(asdict(fingerprint)), encoding="utf-8")
            for name in files:
                with (new / name).open("rb+") as file:
                    os.fsync(file.fileno())
            for name in files:
                (new / name).replace(folder / name)
            return {**written, FINGERPRINT: digest_of(folder / FINGERPRINT)}
        finally:
            rmtree(new, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which no other process has meanwhile."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def current_form() -> str:
    """What the files of an index are of: where the form of a file or its stems change, this does."""
    return f"3, {form_of_stems()}"


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
