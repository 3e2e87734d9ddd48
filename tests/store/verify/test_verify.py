import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, insert, text, update

from store import aliases, artifacts, books, questions, revisions, skills, studies, threads, versions
from store.database import Database
from store.editions import Edition
from store.errors import DamagedDatabaseError, UnknownSchemaError
from store.passages import passages_of_book
from store.questions import NewQuestion
from store.search.index import PassageIndex
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import (
    Alias,
    AliasMove,
    Artifact,
    Base,
    Book,
    Chapter,
    Embedding,
    Member,
    Page,
    Passage,
    Question,
    Revision,
    Turn,
    Version,
    utcnow,
)
from store.verify import Finding, verify
from tests.store.conftest import BASE_MODEL, Embedder, postgresql_only, sqlite_only

BOOK = "CHAPTER I\n\nThe red fox. It hunts.\n\nCHAPTER II\n\nThe old clock. It strikes."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(database: Database, folder: Path, embedder: Embedder) -> PassageIndex:
    return PassageIndex(database, folder, embedder, embedder.name)


@pytest.fixture
def book(
    database: Database,
    index: PassageIndex,
    add_book: Callable[..., Book],
    publish: Callable[..., Version],
) -> str:
    """A book of four passages in the index, with three versions, the second pruned, and a moved alias."""
    with database.write() as session:
        add_book(session, "Another book.", title="Another")
        book = add_book(session, BOOK, max_tokens=3).id
        skill = skills.publish(
            session, base_model=BASE_MODEL, method="prefix", artifact=b"skill", recipe={}, data={}, metrics={}
        )
        study = studies.put(
            session,
            book_id=book,
            key="k" * 64,
            base_model=BASE_MODEL,
            skill_id=skill.id,
            settings={},
            items=[{"question": "Who?"}],
        )
        for number in (b"1", b"2", b"3"):
            publish(session, book, b"a" + number, b"b" + number, skill_id=skill.id, study_id=study.id)
        asked = threads.begin(session, "anna")
        for question in ("Who?", "How?"):
            told = {"question": question}
            threads.add_turn(session, asked, question=question, answer=told, books=[book], words=[])
        aliases.move(session, book, "champion", 1, who="me")
        aliases.move(session, book, "good", 3, who="me")
        aliases.remove(session, book, "good", who="me")
        pruned = versions.get(session, book, 2)
        pruned.pruned_at = utcnow()
        session.flush()
        artifacts.prune(session, [member.artifact_sha256 for member in pruned.members])
    index.complete()
    return book


@pytest.fixture
def verified(database: Database, folder: Path, embedder: Embedder) -> Callable[[], list[Finding]]:
    return lambda: verify(database, folder, embedder.name)


def run(database: Database, *statements: Any) -> None:
    with database.write() as session:
        for statement in statements:
            session.execute(statement)


def test_nothing_is_found_where_all_is_whole(
    book: str, database: Database, verified: Callable[[], list[Finding]], folder: Path, embedder: Embedder
) -> None:
    assert verified() == []
    finished: set[str] = set()
    verify(
        database,
        folder,
        embedder.name,
        on_progress=lambda what, done, total: finished.add(what) if done == total else None,
    )
    assert finished >= {"artifacts", "books", "versions", "foreign keys", "vectors", "index"}


def test_an_empty_library_is_whole(verified: Callable[[], list[Finding]]) -> None:
    assert verified() == []


def of_book(table: type[Base], **values: Any) -> Callable[[str], Any]:
    """Change a book's row with ordinal 1."""
    return lambda book: (
        update(table).where(table.book_id == book, table.ordinal == 1).values(**values)  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (
            of_book(Passage, start=18),
            "text",
            "1 passages do not say what stands in the text, the first is passage 1",
        ),
        (of_book(Passage, end=5000), "text", "1 passages lie outside their chapter, the first is passage 1"),
        (of_book(Passage, text="It sleeps."), "text", "do not say what stands in the text"),
        (of_book(Chapter, end=5000), "text", "1 chapters lie outside its text, the first is chapter 1"),
        (
            lambda book: update(Revision).where(Revision.book_id == book).values(text=BOOK + "!"),
            "text",
            f"its text has {len(BOOK) + 1} characters, not {len(BOOK)}",
        ),
        (
            lambda book: update(Revision).where(Revision.book_id == book).values(sha256="0" * 64),
            "text",
            "tell of different files",
        ),
        (
            lambda book: update(Revision).where(Revision.book_id == book).values(number=2),
            "text",
            r"at revision 1, and its texts are of \[2\]",
        ),
        (
            lambda book: delete(Passage).where(Passage.book_id == book, Passage.ordinal == 3),
            "text",
            "it has 3 passages, and should have 0 to 3",
        ),
        (
            lambda book: insert(Page).values(book_id=book, ordinal=0, label="xii", start=999),
            "text",
            "1 pages begin outside its text, the first is page xii",
        ),
        (
            lambda book: insert(Page).values(
                [{"book_id": book, "ordinal": n, "label": "i", "start": 9 - n} for n in range(2)]
            ),
            "text",
            "its pages do not begin one after the other",
        ),
        (
            lambda book: (
                update(Artifact).where(Artifact.size == 2, Artifact.pruned_at.is_(None)).values(size=3)
            ),
            "artifact",
            "another SHA-256",
        ),
        (
            lambda book: update(Version).where(Version.number == 2).values(pruned_at=None),
            "artifact",
            "2 members of .*@2 have lost their soft prompts",
        ),
        (
            lambda book: update(Version).where(Version.number == 2).values(number=7),
            "version",
            r"gaps: \[1, 3, 7\]",
        ),
        (
            lambda book: update(Version).where(Version.number == 2).values(revision=9),
            "version",
            "@2 learned revision 9, and the book has 1",
        ),
        (
            lambda book: delete(Member).where(Member.ordinal == 0),
            "version",
            "has 1 members, numbered up to 1",
        ),
        (
            lambda book: update(Alias).where(Alias.name == "latest").values(number=2),
            "alias",
            "@latest names version 2, which was pruned",
        ),
        (
            lambda book: update(Alias).where(Alias.name == "champion").values(number=3),
            "alias",
            "@champion is on version 3, by its history on 1",
        ),
        (
            lambda book: delete(Alias).where(Alias.name == "champion"),
            "alias",
            "@champion is on version None, by its history on 1",
        ),
        (
            lambda book: delete(AliasMove).where(AliasMove.alias == "good", AliasMove.to_number == 3),
            "alias",
            "@good has a move from 3, where it was not",
        ),
        (
            lambda book: delete(Turn).where(Turn.number == 1),
            "thread",
            "has 1 turns, numbered up to 2",
        ),
        (
            lambda book: update(Turn).where(Turn.number == 1).values(question="Why?"),
            "thread",
            "1 answers of threads are not to the question before them",
        ),
    ],
)
def test_what_is_not_whole_is_found(
    book: str,
    database: Database,
    verified: Callable[[], list[Finding]],
    damage: Callable[[str], Any],
    kind: str,
    words: str,
) -> None:
    run(database, damage(book))
    found = [finding for finding in verified() if finding.kind == kind]
    assert found
    assert any(re.search(words, finding.what) for finding in found), found
    assert all(finding.mend for finding in found)


def test_a_flipped_byte_in_an_artifact(
    book: str, database: Database, verified: Callable[[], list[Finding]]
) -> None:
    with database.write() as session:
        [member, _] = versions.get(session, book, 3).members
        session.execute(update(Artifact).where(Artifact.sha256 == member.artifact_sha256).values(data=b"a4"))
    [finding] = verified()
    assert finding.kind == "artifact"
    assert f"member 0 of {book}@3" in finding.what
    assert "another SHA-256" in finding.what
    assert "learn the version again" in finding.mend


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        (None, "1 passages of book {book} have no vector, the first is passage 1."),
        (b"\0" * 12, "1 vectors are not 64 finite numbers"),
        (b"\0" * 255, "1 vectors are not 64 finite numbers"),
        (np.full(64, np.nan, dtype="<f4").tobytes(), "1 vectors are not 64 finite numbers"),
    ],
    ids=["none", "short", "no numbers", "nan"],
)
def test_a_passage_without_a_good_vector_gets_one_again(
    book: str,
    database: Database,
    index: PassageIndex,
    verified: Callable[[], list[Finding]],
    vector: bytes | None,
    words: str,
) -> None:
    hit = index.search("Who hunts?", 1)
    with database.write() as session:
        spoiled = passages_of_book(session, book)[1].id
        where = Embedding.passage_id == spoiled
        session.execute(
            delete(Embedding).where(where)
            if vector is None
            else update(Embedding).where(where).values(vector=vector)
        )
    found = [finding for finding in verified() if finding.kind == "vector"]
    assert [finding.mend for finding in found] == ["Run: bookchorus rebuild"]
    assert words.format(book=book) in found[0].what
    assert index.rebuild() == 5
    assert verified() == []
    assert index.search("Who hunts?", 1) == hit


def test_an_index_that_is_not_the_databases(
    book: str,
    database: Database,
    index: PassageIndex,
    folder: Path,
    embedder: Embedder,
    verified: Callable[[], list[Finding]],
    add_book: Callable[..., Book],
) -> None:
    def found() -> str:
        [finding] = verified()
        assert (finding.kind, finding.mend) == ("index", "Run: bookchorus rebuild")
        index.rebuild()
        assert verified() == []
        return finding.what

    file, notes, words = (folder / name for name in ("passages.faiss", "passages.json", "words.npz"))
    old = file.read_bytes(), notes.read_bytes(), words.read_bytes()
    file.write_bytes(old[0][:-1] + bytes([old[0][-1] ^ 1]))
    assert found() == "The index is damaged: its bytes have another SHA-256."
    notes.unlink()
    assert found() == "The index is missing."
    notes.write_text("{")
    assert found() == "The index is damaged: it cannot be read."
    notes.write_bytes(old[1].replace(b"hashing@1", b"hashing@0"))
    assert found() == "The index is of another embedder, hashing@0."
    with database.write() as session:
        vector = np.ones(64, dtype="<f4").tobytes()
        session.execute(update(Embedding).values(vector=vector))
    assert found() == "The index has other vectors of 5 passages."
    with database.write() as session:
        add_book(session, "One more book.", title="More")
    PassageIndex(database, folder, embedder, embedder.name).complete()
    file.write_bytes(old[0])
    notes.write_bytes(old[1])
    words.write_bytes(old[2])
    assert found() == (
        "The index is stale: it was made of 5 passages up to 5, 5 with vectors, the database has 6 passages "
        "up to 6, 6 with vectors."
    )
    with database.write() as session:
        books.describe(session, books.get(session, book), language="de")
    assert found() == "The index is stale: books have another language since it was made."


def test_the_index_of_as_many_passages_but_others(
    book: str, database: Database, verified: Callable[[], list[Finding]]
) -> None:
    with database.write() as session:
        other = passages_of_book(session, book)[2].id
        session.execute(delete(Embedding).where(Embedding.passage_id == other))
        session.execute(update(Passage).where(Passage.id == other).values(id=0))
        vector = np.ones(64, dtype="<f4").tobytes()
        session.add(Embedding(passage_id=0, embedder="hashing@1", vector=vector))
    assert [finding.what for finding in verified()] == [
        "The index and the database differ in 2 of 5 passages."
    ]


@sqlite_only
def test_a_row_that_points_nowhere(
    book: str, database: Database, verified: Callable[[], list[Finding]]
) -> None:
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql("DELETE FROM studies")
        connection.exec_driver_sql("BEGIN")
    assert [finding.what for finding in verified()] == [
        "3 rows of versions need one of studies that is not there."
    ]


@pytest.fixture
def asked(book: str, database: Database) -> str:
    """The book with a question about each passage."""
    with database.write() as session:
        for passage in passages_of_book(session, book):
            new = NewQuestion(passage, f"Who {passage.ordinal}?", "fox", str(passage.ordinal) * 64)
            questions.record(session, book, 1, [new])
    return book


def test_questions_about_passages_that_are_not_there(
    asked: str, database: Database, verified: Callable[[], list[Finding]]
) -> None:
    assert verified() == []
    run(database, update(Question).where(Question.passage == 1).values(end=Question.end + 1))
    run(database, update(Question).where(Question.passage == 2).values(passage=9))
    [finding] = verified()
    assert (finding.kind, finding.mend) == ("question", "Restore a backup.")
    assert finding.what.startswith(
        f"2 questions of book {asked} are about no passage of it, one is question_"
    )


def test_questions_outside_an_older_text(
    asked: str, database: Database, index: PassageIndex, verified: Callable[[], list[Finding]]
) -> None:
    text = "The new fox."
    spans = [ChapterSpan("", 0, len(text))], [PassageSpan(0, 0, len(text))]
    with database.write() as session:
        revisions.add(session, asked, Edition(text, "b" * 64, *spans))
    index.complete()
    assert verified() == []
    run(database, update(Question).where(Question.passage == 1).values(end=len(BOOK) + 1))
    [finding] = verified()
    assert finding.what == f"1 questions of book {asked} lie outside the text of its revision 1."


@sqlite_only
def test_a_damaged_file(
    book: str, url: str, database: Database, folder: Path, embedder: Embedder, tmp_path: Path
) -> None:
    database.close()
    path = tmp_path / "store.db"
    data = path.read_bytes()
    place = data.index(b"The old clock.")
    # A byte that is no text any more, and pages that are no pages.
    path.write_bytes(data[:place] + b"\xff" + data[place + 1 :])
    found = verify(database, folder, embedder.name)
    assert any("can be read: Could not decode to UTF-8" in finding.what for finding in found)
    database.close()
    page = place - place % 4096
    path.write_bytes(data[:page] + bytes(4096) + data[page + 4096 :])
    found = verify(database, folder, embedder.name)
    assert found[0].kind == "database"
    assert "damaged" in found[0].what
    assert {finding.mend for finding in found if finding.kind == "database"} == {"Restore a backup."}
    database.close()
    path.write_bytes(data[:4096] + bytes(len(data) - 4096))
    with pytest.raises(DamagedDatabaseError, match="Restore a backup"):
        verify(database, folder, embedder.name)


@postgresql_only
def test_a_check_that_fails_does_not_stop_the_next(
    book: str, database: Database, verified: Callable[[], list[Finding]]
) -> None:
    run(database, text("ALTER TABLE members RENAME TO lost"), text("ALTER TABLE pages RENAME TO lost_too"))
    found = [finding.what.partition(":")[0] for finding in verified()]
    names = ("rows", "artifacts", "texts", "versions")
    assert found == [f"Not all {name} can be read" for name in names]


def test_tables_of_another_release(database: Database, verified: Callable[[], list[Finding]]) -> None:
    run(database, text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(UnknownSchemaError, match="0001"):
        verified()


def test_nothing_is_changed(
    book: str, database: Database, verified: Callable[[], list[Finding]], url: str
) -> None:
    run(database, update(Alias).where(Alias.name == "champion").values(number=3))
    with database.write():  # not even the write lock is asked for
        assert len(verified()) == 1
