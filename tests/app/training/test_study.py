"""What a version learns from, after people have changed the questions of its book."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.answering.question_check import QUESTION_TOKENS
from app.engine.scheduler import Scheduler
from app.training.question_changes import (
    Addition,
    Change,
    Changed,
    ChangeError,
    Correction,
    QuestionChanges,
    Removal,
)
from app.training.study import study_key
from store import books, questions, revisions, studies
from store.database import Database
from store.editions import Edition
from store.errors import NotFoundError
from store.passages import passages_to_learn
from store.search.index import PassageIndex
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import Question, Study, Version
from tests.app.training.test_job_runner import (  # noqa: F401 - fixtures
    GOOD,
    Desk,
    desk,
    edition,
    scheduler,
)
from tests.databases import new_database
from tests.store.conftest import Embedder
from tests.tiny import STORY
from trainer.book_training import resolved
from trainer.llm.frozen_llm import FrozenLLM
from trainer.recipe import Recipe

RECIPE = {**GOOD, "epochs": 1, "objective": "self_study", "heldout": 0.5}
WRITTEN = [
    (0, "Who kept a green lamp?", "Mira"),
    (0, "Who steered home by it?", "fishermen"),
    (1, "What burns slowly?", "butter"),
    (1, "Who was asked for butter?", "the baker"),
]


@pytest.fixture
def changes(database: Database, tmp_path: Path) -> QuestionChanges:
    embedder = Embedder()
    index = PassageIndex(database, tmp_path / "index", embedder, embedder.name)
    return QuestionChanges(database, index, lambda text: len(text.split()))


@pytest.fixture(scope="module")
def once(llm: FrozenLLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """The database of a desk whose LLM has written four questions, which one version has learned."""
    folder = tmp_path_factory.mktemp("once")
    database, scheduler = new_database(folder / "bookchorus.db"), Scheduler(llm)  # noqa: F811
    desk = Desk(database, scheduler, folder)  # noqa: F811
    write(desk)
    desk.learn(RECIPE)
    scheduler.close()
    database.close()
    with closing(sqlite3.connect(folder / "bookchorus.db")) as learned:
        yield learned


@pytest.fixture
def studied(once: sqlite3.Connection, database: Database, scheduler: Scheduler, tmp_path: Path) -> Desk:  # noqa: F811
    """A desk with a copy of that database: it has the same book, and nothing is learned again."""
    assert database.file is not None
    with closing(sqlite3.connect(database.file)) as copy:
        once.backup(copy)
    return Desk(database, scheduler, tmp_path)


def write(desk: Desk, seed: int = 0) -> None:  # noqa: F811
    """Questions that the LLM might have written, had it more than two random layers."""
    recipe = resolved(Recipe(**RECIPE, seed=seed), desk.skill.skill)
    with desk.database.write() as session:
        passages = [passage.text for passage in passages_to_learn(session, desk.book.id)]
        studies.put(
            session,
            book_id=desk.book.id,
            key=study_key(desk.scheduler.llm.identity, desk.skill, recipe, passages),
            base_model=asdict(desk.scheduler.llm.identity),
            skill_id=None,
            settings={},
            items=[
                {"passage": passage, "kind": "who", "question": text, "answer": answer, "log_likelihood": -1}
                for passage, text, answer in WRITTEN
            ],
        )


def rows(desk: Desk) -> dict[str, Question]:  # noqa: F811
    with desk.database.read() as session:
        return {row.text: row for row in questions.list_questions(session, desk.book.id)[0]}


def learned(desk: Desk, version: Version) -> list[tuple[int, str, str, str]]:  # noqa: F811
    """What a version learned from."""
    with desk.database.read() as session:
        study = session.get_one(Study, version.study_id)
        assert study.artifact_sha256 == version.data["study"]
        items: list[dict[str, Any]] = studies.items(session, study)
    return [(each["passage"], each["question"], each["answer"], each.get("source", "llm")) for each in items]


def apply(changes: QuestionChanges, desk: Desk, *wishes: Change) -> Changed:  # noqa: F811
    return changes.apply(desk.book.id, wishes)


def test_the_questions_of_a_study_become_rows(studied: Desk) -> None:
    assert {(row.passage, row.text, row.answer) for row in rows(studied).values()} == set(WRITTEN)
    assert {(row.source, row.kind, row.revision) for row in rows(studied).values()} == {("llm", "who", 1)}


def test_members_learn_from_what_people_made_of_the_questions(
    studied: Desk, changes: QuestionChanges
) -> None:
    found = rows(studied)
    apply(
        changes,
        studied,
        Correction(found["What burns slowly?"].id, answer="Butter, not oil"),
        Removal(found["Who steered home by it?"].id),
        Addition("When did she\nlight the lamp?", "  at nine ", passage=0),
    )
    second, _ = studied.learn(RECIPE)
    changed = [
        WRITTEN[0],
        WRITTEN[3],
        (0, "When did she light the lamp?", "at nine"),
        (1, "What burns slowly?", "Butter, not oil"),
    ]
    sources = ["llm", "llm", "person", "person"]
    assert learned(studied, second) == [
        (*each, source) for each, source in zip(changed, sources, strict=True)
    ]
    # With other settings, too, and after learning once more.
    write(studied, seed=7)
    third, _ = studied.learn({**RECIPE, "seed": 7})
    assert learned(studied, third) == learned(studied, second)
    assert {(row.passage, row.text, row.answer) for row in rows(studied).values()} == set(changed)


def test_a_version_points_to_what_it_learned_whatever_is_changed_later(
    studied: Desk, changes: QuestionChanges, database: Database
) -> None:
    found = rows(studied)
    with database.read() as session:
        first = session.query(Version).one()
    before = learned(studied, first)
    same, _ = studied.learn(RECIPE)
    assert same.study_id == first.study_id
    apply(changes, studied, Removal(found["What burns slowly?"].id))
    second, _ = studied.learn(RECIPE)
    assert second.study_id != first.study_id
    assert (len(learned(studied, second)), learned(studied, first)) == (3, before)
    again, _ = studied.learn(RECIPE)
    assert again.study_id == second.study_id


def test_a_change_while_a_version_learns_is_for_the_next_one(studied: Desk, changes: QuestionChanges) -> None:
    found = rows(studied)["What burns slowly?"]

    def change() -> None:
        if rows(studied)["What burns slowly?"].answer != "wax":
            apply(changes, studied, Correction(found.id, answer="wax"))

    during, _ = studied.learn({**RECIPE, "epochs": 5}, between=change)
    after, _ = studied.learn(RECIPE)
    assert (1, found.text, "butter", "llm") in learned(studied, during)
    assert (1, found.text, "wax", "person") in learned(studied, after)


def test_where_the_llm_writes_nothing_people_may(desk: Desk, changes: QuestionChanges) -> None:  # noqa: F811
    apply(changes, desk, Addition("Who kept the lamp?", "Mira"))
    version, _ = desk.learn({**RECIPE, "kinds": 1})
    assert version.recipe["objective"] == "self_study"
    assert learned(desk, version) == [(0, "Who kept the lamp?", "Mira", "person")]
    apply(changes, desk, Removal(rows(desk)["Who kept the lamp?"].id))
    nothing, _ = desk.learn({**RECIPE, "kinds": 1})
    assert (nothing.recipe["objective"], nothing.study_id) == ("lm", None)


def test_a_new_edition_is_not_studied_by_the_questions_of_the_old_one(
    studied: Desk, changes: QuestionChanges, database: Database
) -> None:
    apply(changes, studied, Addition("Who lit it?", "Mira", 0), Addition("Who sold it?", "the baker", 1))
    with database.write() as session:
        revisions.add(session, studied.book.id, edition(STORY.replace("Butter burns", "Wax burns")))
    version, _ = studied.learn({**RECIPE, "kinds": 1})
    assert learned(studied, version) == [(0, "Who lit it?", "Mira", "person")]


def test_the_passage_is_the_best_for_the_question_that_has_the_answer(
    desk: Desk,  # noqa: F811
    changes: QuestionChanges,
    database: Database,
) -> None:
    text = "A lamp. The lamp is green. Butter is green,\nso they say, and butter burns. Green is green."
    ends = [7, 26, 75, len(text)]
    spans = [
        PassageSpan(1 if start else 0, start, end) for start, end in zip([0, 8, 27, 76], ends, strict=True)
    ]
    chapters = [ChapterSpan("", 0, 8, "front"), ChapterSpan("", 8, len(text))]
    with database.write() as session:
        book, _ = books.add(session, Edition(text, "a" * 64, chapters, spans), title="Green")

    def passage(question: str, answer: str, number: int | None = None) -> int:
        [row] = changes.apply(book.id, [Addition(question, answer, number)]).questions
        return row.passage

    assert passage("What is butter that burns?", "GREEN") == 2
    assert passage("What is a lamp?", "green") == 1
    assert passage("Butter burns and is what?", "Green, so they") == 2
    assert passage("Butter burns?", "not told", 3) == 3
    before = len(told(database, book.id))
    for number, slug in ((None, "answer-not-in-book"), (0, "passage-not-learned")):
        with pytest.raises(ChangeError) as raised:
            changes.apply(book.id, [Addition("Well?", "green"), Addition("What is it?", "a lamp.", number)])
        assert (raised.value.slug, raised.value.change) == (slug, 1)
    with pytest.raises(NotFoundError, match="no passage 4"):
        passage("What?", "x", 4)
    assert len(told(database, book.id)) == before


def told(database: Database, book_id: str) -> list[Question]:
    with database.read() as session:
        return questions.list_questions(session, book_id)[0]


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (Addition(" \n", "x", 0), "question-empty"),
        (Addition("word " * (QUESTION_TOKENS + 1), "x", 0), "question-too-long"),
        (Addition("Who?", "", 0), "answer-empty"),
        (Addition("Who?", "x" * QUESTION_TOKENS * 33, 0), "answer-too-long"),
        (Correction("question_none", text=" "), "question-empty"),
        (Correction("question_none", answer=" "), "answer-empty"),
    ],
)
def test_words_that_cannot_be_learned_are_refused(
    studied: Desk, changes: QuestionChanges, change: Change, slug: str
) -> None:
    before = rows(studied).keys()
    first = Removal(rows(studied)["What burns slowly?"].id)
    with pytest.raises(ChangeError) as raised:
        apply(changes, studied, first, change)
    assert (raised.value.slug, raised.value.change) == (slug, 1)
    limits = {"limit_tokens": QUESTION_TOKENS} if slug.endswith("long") else {}
    assert raised.value.limits == limits
    assert rows(studied).keys() == before


def test_a_change_of_what_is_not_there_changes_nothing(studied: Desk, changes: QuestionChanges) -> None:
    first = Removal(rows(studied)["What burns slowly?"].id)
    for wishes in ((first, Removal("question_none")), (first, first), (first, Correction(first.id, "Who?"))):
        with pytest.raises(NotFoundError, match="no question"):
            apply(changes, studied, *wishes)
        assert len(rows(studied)) == 4
    with pytest.raises(NotFoundError, match="no book"):
        changes.apply("book_none", [first])
