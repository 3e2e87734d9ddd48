"""What members add: they are asked as users ask, and the answers are compared."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from app.answering.contribution import Contribution, MembersChoice
from app.answering.per_passage import PerPassage
from app.answering.pipeline import Answering
from app.answering.retrieval import Retrieval
from app.answering.types import Answer, Question, Scope
from app.engine.local_engine import LocalEngine
from app.engine.member_cache import MemberCache
from app.engine.runner import DirectRunner
from app.engine.scheduler import Scheduler
from app.training import reporting
from app.training.promotion import Champion, decide
from app.training.publishing import said_of
from app.training.study import study_key
from app.training.trial import Scored, Trial, contribution_of
from store import jobs, studies
from store.database import Database
from store.passages import passages_to_learn
from store.search.index import PassageIndex
from store.tables import Version
from tests.app.training.test_job_runner import GOOD, Desk
from tests.memory import small_memory
from tests.store.conftest import Embedder
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.methods.members import Members
from trainer.methods.prompt import Prompts
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Evaluated, Learned
from trainer.recipe import Recipe

ASKED = ("Who kept a green lamp?", "What did the baker say?")


class Asker:
    """A book that has been learned, and both ways to ask about it: the service's and a trial's."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        llm, embedder = desk.scheduler.llm, Embedder()
        index = PassageIndex(desk.database, desk.folder / "asked", embedder, embedder.name)
        retrieval = Retrieval(desk.database, index)
        engine = LocalEngine(DirectRunner(llm), MemberCache(desk.database, llm), skill=desk.skill.skill)
        ensemble = PerPassage(engine, desk.skill, embedder)
        self.answering = Answering(desk.database, retrieval, engine, ensemble)
        self.trial = Trial(llm, desk.skill, retrieval, embedder)

    def answer(self, question: str, members: MembersChoice = "auto", version: int = 1) -> Answer:
        scope = Scope([f"{self.desk.book.id}@{version}"])
        return self.answering.answer(Question(question, seed=0), scope, min_confidence=0, members=members)

    def scores(self, answers: Sequence[str], members: Members | None) -> Sequence[float]:
        questions = [
            StudyQuestion(0, "who", asked, answer, 0.0) for asked, answer in zip(ASKED, answers, strict=True)
        ]
        posed = self.trial.pose(self.desk.book.id, questions)
        *_, last = self.trial.score(self.desk.book.id, posed, members)
        assert isinstance(last, Scored)
        return last.scores


@pytest.fixture
def desk(database: Database, llm: FrozenLLM, tmp_path: Path) -> Desk:
    return Desk(database, Scheduler(llm), tmp_path)


def studied(desk: Desk, **settings: object) -> Recipe:
    """A recipe of self-study, and in the store the questions that it finds."""
    recipe = Recipe(**{**GOOD, "objective": "self_study", "epochs": 1, "heldout": 0.5, **settings})
    llm = desk.scheduler.llm
    with desk.database.write() as session:
        passages = [passage.text for passage in passages_to_learn(session, desk.book.id)]
        studies.put(
            session,
            book_id=desk.book.id,
            key=study_key(llm.identity, desk.skill, recipe, passages),
            base_model=asdict(llm.identity),
            skill_id=None,
            settings={},
            items=[StudyQuestion(0, "who", asked, "Mira", -0.1).as_json() for asked in 2 * ASKED],
        )
    return recipe


def learned(loss: float) -> Learned:
    evaluated = Evaluated("after", None, [loss])
    return Learned(Prompts.__new__(Prompts), evaluated, evaluated, 1, [[loss]], 1, 1.0, 1.0)


def above(difference: float, low: float | None, high: float | None) -> Contribution:
    return Contribution(difference=difference, low=low, high=high, questions=8)


def test_a_trial_asks_as_a_user_does(desk: Desk) -> None:
    version, _ = desk.learn({**GOOD, "method": "lora", "learning_rate": 0.3})
    asker = Asker(desk)
    members = MemberCache(desk.database, desk.scheduler.llm).members(version)
    with_them = [asker.answer(asked, "always").verdict.answer for asked in ASKED]
    without = [asker.answer(asked, "never").verdict.answer for asked in ASKED]
    assert with_them != without
    assert asker.scores(with_them, members) == [1.0, 1.0]
    assert asker.scores(without, None) == [1.0, 1.0]
    assert asker.scores(without, members) != [1.0, 1.0]


def test_a_version_of_self_study_says_what_its_members_add(desk: Desk) -> None:
    recipe = studied(desk).model_dump()
    first, _ = desk.learn(recipe)
    adds = Contribution.model_validate(first.metrics["adds"])
    assert adds.questions == 2
    assert -1 <= adds.difference <= 1
    second, told = desk.learn({**recipe, "trial": 1})
    assert second.metrics["adds"]["questions"] == 1
    assert second.gate is not None
    assert second.gate["answers"]["questions"] == 1
    # One question tells nothing: the loss decides.
    assert second.gate["answers"]["low"] is None
    assert "its held-out loss of" in told
    third, _ = desk.learn({**recipe, "trial": 0})
    assert third.metrics["adds"] is None


def test_a_job_says_as_it_begins_what_comes_on_top_of_its_time(desk: Desk) -> None:
    told = []
    for recipe in (studied(desk, budget_seconds=60), Recipe(**GOOD, budget_seconds=60), studied(desk)):
        version, _ = desk.learn(recipe.model_dump())
        assert version.job_id is not None
        with desk.database.read() as session:
            events = desk.events(jobs.get(session, version.job_id))
        told.append([event.message for event in events[:3] if event.data.get("kind") == "budget"])
    # The passages were embedded before; what learns from the text is not tried.
    assert told == [["1 minute is for writing questions and learning; the trial comes after that."], [], []]


def test_a_trial_says_how_far_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "_TELL_SECONDS", 0.0)  # nothing is left out
    recipe = studied(desk).model_dump()
    # The first version is asked beside readers without members, the second beside the champion, too.
    for asked in (2, 3):
        version, told = desk.learn(recipe)
        assert version.job_id is not None
        with desk.database.read() as session:
            job = jobs.get(session, version.job_id)
        trials = [event for event in desk.events(job) if event.data and event.data.get("kind") == "trial"]
        # There are two questions, however many are asked them.
        shares = sorted({event.data["share"] for event in trials})
        assert shares == pytest.approx([number / (2 * asked) for number in range(2 * asked + 1)])
        assert [event.data["share"] for event in trials] == sorted(event.data["share"] for event in trials)
        assert {event.message for event in trials} == {
            f"Asks held-out questions, with members and without: {done} of 2." for done in range(3)
        }
        assert "of ROUGE-L" in told


@pytest.mark.parametrize(
    ("adds", "said"),
    [
        (None, ""),
        (
            Contribution(difference=0.012, low=-0.004, high=0.028, questions=30),
            " To the answers to 30 questions that it did not learn, it adds +.012 [-.004, .028] of ROUGE-L.",
        ),
        (
            Contribution(difference=-0.341, low=-0.667, high=-0.033, questions=5),
            " With its members, answers to 5 held-out questions lost .341 of ROUGE-L on average "
            "[.033, .667]: they answer only where an ask says `always`.",
        ),
    ],
)
def test_what_is_published_says_whether_its_members_will_answer(adds: Contribution | None, said: str) -> None:
    assert said_of(adds) == said


def test_too_few_questions_have_no_interval() -> None:
    few = contribution_of([1.0] * 4, [0.0] * 4)
    assert few is not None
    assert (few.difference, few.low, few.high, few.questions) == (1.0, None, None, 4)
    assert not few.harms
    enough = contribution_of([0.0] * 5, [1.0] * 5)
    assert enough is not None
    assert (enough.low, enough.high) == (-1.0, -1.0)
    assert enough.harms
    assert contribution_of([], []) is None
    assert contribution_of([0.5], []) is None


@pytest.mark.parametrize(
    ("better", "mine", "promoted"),
    [
        (above(-0.2, -0.3, -0.1), 1.0, False),
        (above(-0.2, -0.3, 0.1), 3.0, True),
        (above(0.2, 0.1, 0.3), 3.0, True),
        (above(-0.2, None, None), 1.0, True),
        (above(0.2, None, None), 3.0, False),
        (None, 3.0, False),
    ],
)
def test_answers_decide_and_where_they_do_not_tell_the_loss(
    better: Contribution | None, mine: float, promoted: bool
) -> None:
    champion = Champion(1, Prompts.__new__(Prompts))
    decision = decide(learned(mine), champion, [2.0], better, force=False)
    assert decision.promote is promoted
    assert decision.gate is not None
    assert decision.gate["passed"] is promoted
    assert ("8 held-out questions" in decision.reason) is (better is not None and better.high is not None)
    assert decide(learned(mine), champion, [2.0], better, force=True).promote


@pytest.mark.parametrize(
    ("better", "said"),
    [
        (
            above(-0.2, -0.3, -0.1),
            "its answers to 8 held-out questions are worse than those of version 1",
        ),
        (
            above(-0.2, -0.3, 0.1),
            "8 held-out questions do not tell which answers better, it or version 1",
        ),
        (
            above(0.2, 0.1, 0.3),
            "its answers to 8 held-out questions are better than those of version 1",
        ),
    ],
)
def test_what_was_measured_is_said_as_what_it_tells(better: Contribution, said: str) -> None:
    decision = decide(learned(1.0), Champion(1, Prompts.__new__(Prompts)), [2.0], better, force=False)
    assert said in decision.reason


def test_members_that_do_harm_are_silent_unless_they_are_wanted(desk: Desk) -> None:
    version, _ = desk.learn(GOOD)
    asker = Asker(desk)
    harm = {"difference": -0.1, "low": -0.2, "high": -0.05, "questions": 12}
    for adds, silent in (
        (harm, True),
        ({**harm, "high": 0.001}, False),
        ({**harm, "low": None, "high": None}, False),
        ("nonsense", False),
        (None, False),
    ):
        with desk.database.write() as session:
            row = session.get_one(Version, version.id)
            row.metrics = {**row.metrics, "adds": adds}
        panel = asker.answer(ASKED[0]).panel
        assert [one.reason for one in panel.left_out] == ["harm"] * silent
        assert [used.version for used in panel.versions] == [1] * (not silent)
        assert {member.version for member in panel.members} == ({None} if silent else {1})
    with desk.database.write() as session:
        row = session.get_one(Version, version.id)
        row.metrics = {**row.metrics, "adds": harm}
    said = asker.answer(ASKED[0])
    [left_out] = said.panel.left_out
    assert left_out.detail == (
        "with them, answers to 12 held-out questions lost .100 of ROUGE-L on average [.050, .200]"
    )
    assert said.verdict == asker.answer(ASKED[0], "never").verdict
    assert [one.version for one in asker.answer(ASKED[0], "always").panel.versions] == [1]


def test_members_behind_another_skill_are_silent(desk: Desk) -> None:
    version, _ = desk.learn(GOOD)
    with desk.database.write() as session:
        row = session.get_one(Version, version.id)
        row.data = {"skill": "0" * 64}
    asker = Asker(desk)
    [silent] = asker.answer(ASKED[0]).panel.left_out
    assert (silent.reason, silent.version) == ("other-skill", 1)
    assert not asker.answer(ASKED[0], "always").panel.left_out
    with desk.database.write() as session:
        session.get_one(Version, version.id).data = {}
    assert not asker.answer(ASKED[0]).panel.left_out


def test_a_trial_that_has_no_memory_does_not_lose_what_was_learned(
    database: Database, tiny_folder: Path, tmp_path: Path
) -> None:
    own = load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    desk = Desk(database, Scheduler(own), tmp_path)
    recipe = studied(desk, members=1, closed=1.0).model_dump()
    free, _ = desk.learn(recipe)
    assert free.metrics["adds"] is not None
    with small_memory(own, 80) as failed:
        tight, _ = desk.learn(recipe)
    assert failed
    assert tight.metrics["adds"] is None
    assert tight.members[0].metrics["loss_after"] == free.members[0].metrics["loss_after"]
