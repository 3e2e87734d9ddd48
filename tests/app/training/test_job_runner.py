from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from app.answering.skill import LoadedSkill, active_skill, instruction_skill, register_skill
from app.asking.asker import LoadedAsker
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.training import promotion
from app.training.job_runner import JobRunner
from app.training.study import study_key
from store import aliases, artifacts, books, job_events, jobs, revisions, studies, versions
from store.bucket import Bucket
from store.database import Database
from store.editions import Edition
from store.passages import passages_to_learn
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import Job, Version
from tests.tiny import STORY
from tests.trials import passage_index, trial
from trainer.book_training import resolved
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.methods.members import Members
from trainer.methods.prompt import Prompts, prompt_from_bytes
from trainer.objectives.lm import LanguageModelling
from trainer.progress import Evaluated
from trainer.recipe import Recipe

GOOD = {
    "objective": "lm",
    "members": 2,
    "virtual_tokens": 4,
    "row_tokens": 32,
    "epochs": 10,
    "learning_rate": 0.05,
}
# One step that moves nothing: random words, as they are.
BAD = {**GOOD, "epochs": 0.01, "learning_rate": 1e-12, "initialisation": "vocabulary"}


class Desk:
    """A store with one book, and all that an attempt needs to learn it."""

    def __init__(
        self, database: Database, scheduler: Scheduler, folder: Path, members: MemberCache | None = None
    ) -> None:
        self.database = database
        self.scheduler = scheduler
        self.members = members or MemberCache(database, scheduler.llm)
        self.skill = instruction_skill(scheduler.llm)
        self.folder = folder
        with database.write() as session:
            self.book, _ = books.add(session, edition(STORY), title="The Lamp of Ost")
        passage_index(database, folder).complete()  # so that the first piece of work is one of learning

    def learn(
        self,
        recipe: Mapping[str, Any],
        parent: int | None = None,
        *,
        force: bool = False,
        between: Callable[[], None] = lambda: None,
    ) -> tuple[Version, str]:
        """Queue and run a job; the version it published, and what it said of it.

        `between` is called after each piece of work.
        """
        with self.database.write() as session:
            jobs.enqueue(session, book_id=self.book.id, recipe=recipe, parent=parent, force=force)
            job = jobs.lease(session, "desk", 60)
        assert job is not None

        def leaving(_: float) -> bool:
            between()
            return False

        index = passage_index(self.database, self.folder)
        JobRunner(
            job,
            self.database,
            self.scheduler,
            index,
            self.members,
            self.skill,
            trial(self.database, self.scheduler.llm, self.skill, index),
            lease_seconds=60,
            microbatches=None,
            leaving=leaving,
        ).run()
        with self.database.read() as session:
            ended = jobs.get(session, job.id)
            assert ended.status == "succeeded"
            assert ended.version_number is not None
            told = [event.message for event in self.events(job) if event.data.get("kind") == "published"]
            return versions.get(session, self.book.id, ended.version_number), told[0]

    def events(self, job: Job) -> list[Any]:
        with self.database.read() as session:
            return job_events.list_events(session, job.id, limit=1000)[0]

    def prompts(self, version: Version) -> Tensor:
        with self.database.read() as session:
            return torch.stack(
                [prompt_from_bytes(data, 32) for data in versions.member_artifacts(session, version)]
            )

    def champion(self) -> int:
        with self.database.read() as session:
            return books.get(session, self.book.id).aliases["champion"]


def edition(text: str) -> Edition:
    half = text.index("## Two")
    passages = [PassageSpan(0, 0, half), PassageSpan(0, half, len(text))]
    return Edition(
        text, sha256(text.encode()).hexdigest(), [ChapterSpan("", 0, len(text))], passages, format="md"
    )


@pytest.fixture
def scheduler(llm: FrozenLLM) -> Iterator[Scheduler]:
    scheduler = Scheduler(llm)
    yield scheduler
    scheduler.close()


@pytest.fixture
def desk(database: Database, scheduler: Scheduler, tmp_path: Path) -> Desk:
    return Desk(database, scheduler, tmp_path)


def test_a_version_that_is_worse_than_the_champion_does_not_take_its_place(desk: Desk) -> None:
    first, told = desk.learn(GOOD)
    assert (first.gate, told) == (None, "Published version 1 as the champion: the book had none.")
    second, told = desk.learn({**BAD, "members": 3, "virtual_tokens": 2})
    assert second.gate is not None
    assert (second.gate["passed"], second.gate["forced"], second.gate["champion"]) == (False, False, 1)
    losses = [member.metrics["loss_after"] for member in second.members]
    assert second.gate["loss"] == pytest.approx(sum(losses) / 3)
    # The same blocks are held out for both, so that the champion's loss is what it was.
    losses = [member.metrics["loss_after"] for member in first.members]
    assert second.gate["champion_loss"] == pytest.approx(sum(losses) / 2, abs=1e-5)
    assert second.gate["loss"] > second.gate["champion_loss"]
    mine, theirs = second.gate["loss"], second.gate["champion_loss"]
    assert told == (
        "Published version 2 and version 1 stays the champion: "
        f"its held-out loss of {mine:.4f} is above the {theirs:.4f} of version 1."
    )
    assert (second.aliases, desk.champion()) == (["latest"], 1)


def test_a_version_that_is_no_worse_is_the_champion_and_so_is_one_that_is_forced(desk: Desk) -> None:
    desk.learn(GOOD)
    forced, told = desk.learn(BAD, force=True)
    assert forced.gate is not None
    assert (forced.gate["passed"], forced.gate["forced"]) == (False, True)
    assert "which was forced: its held-out loss of" in told
    assert desk.champion() == 2
    better, told = desk.learn({**GOOD, "members": 1, "virtual_tokens": 6})
    assert better.gate is not None
    assert (better.gate["passed"], better.gate["champion"], better.gate["forced"]) == (True, 2, False)
    assert "as the champion: its held-out loss of" in told
    assert desk.champion() == 3
    same, _ = desk.learn({**GOOD, "members": 1, "virtual_tokens": 6})
    assert same.gate is not None
    assert same.gate["loss"] == same.gate["champion_loss"]
    assert same.gate["passed"] is True
    assert desk.champion() == 4


def test_what_cannot_be_compared_is_the_champion(desk: Desk, database: Database) -> None:
    desk.learn(GOOD)
    unheld, told = desk.learn({**BAD, "heldout": 0.0})
    assert unheld.gate is None
    assert told.endswith("as the champion: nothing was held out to compare it with version 1.")
    with database.write() as session:
        version = versions.get(session, desk.book.id, 2)
        version.hidden_size = 64
    unlike, told = desk.learn(BAD)
    assert unlike.gate is None
    assert told.endswith(
        "as the champion: version 2 was learned on another LLM, so that nothing is comparable."
    )
    assert desk.champion() == 3


def test_a_champion_that_changes_meanwhile_is_the_one_to_beat(
    database: Database, scheduler: Scheduler, tmp_path: Path
) -> None:
    class Moving(MemberCache):
        """Another version is made the champion once the champion's members have been read for the gate."""

        def members(self, version: Version) -> Members:
            found = super().members(version)
            read.append(version.number)
            if read == [2, 2]:
                with database.write() as session:
                    aliases.move(session, version.book_id, "champion", 1, who="admin")
            return found

    read: list[int] = []
    desk = Desk(database, scheduler, tmp_path)
    desk.learn(GOOD)
    desk.learn(BAD, force=True)
    desk.members = Moving(database, scheduler.llm)
    middling, _ = desk.learn(BAD)
    assert read == [2, 2, 1]
    assert middling.gate is not None
    assert (middling.gate["champion"], middling.gate["passed"]) == (1, False)
    assert desk.champion() == 1


def test_asks_that_come_while_the_champion_is_evaluated_need_not_wait_for_all_of_it(llm: FrozenLLM) -> None:
    recipe = Recipe(**{**GOOD, "heldout": 0.3})
    objective = LanguageModelling(llm, STORY, recipe, microbatches=Microbatches(llm.device, 1))
    *pauses, last = promotion.measure(objective, Prompts(torch.randn(3, 4, 32)), bare=4.0)
    assert isinstance(last, Evaluated)
    assert (last.stage, len(last.member_losses)) == ("champion", 3)
    assert len(pauses) >= 3
    assert all(isinstance(each, Pause) for each in pauses)


def test_versions_are_appended_to_each_other(desk: Desk) -> None:
    first, _ = desk.learn(GOOD)
    more = {**GOOD, "virtual_tokens": 3, "append": True, "seed": 5}
    second, _ = desk.learn(more, parent=1)
    third, _ = desk.learn({**more, "virtual_tokens": 2}, parent=2)
    assert (second.parent_number, third.parent_number) == (1, 2)
    one, two, three = (desk.prompts(version) for version in (first, second, third))
    assert [each.shape[1] for each in (one, two, three)] == [4, 7, 9]
    assert torch.equal(two[:, :4], one)
    assert torch.equal(three[:, :7], two)


def test_what_was_learned_is_the_revision_that_was_there_when_learning_began(
    desk: Desk, database: Database
) -> None:
    text = STORY.replace("butter", "candles")
    after: list[str] = []

    def revise() -> None:
        if not after:
            with database.write() as session:
                revisions.add(session, desk.book.id, edition(text))
            after.append(text)

    old, _ = desk.learn(GOOD, between=revise)
    new, _ = desk.learn(GOOD)
    assert (old.revision, new.revision) == (1, 2)
    assert old.data["text"] == sha256(STORY.encode()).hexdigest()
    assert new.data["text"] == sha256(text.encode()).hexdigest()


def test_a_job_waits_for_a_bucket_that_is_away_and_publishes_then(
    database: Database, scheduler: Scheduler, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bucket, away = tmp_path / "bucket", tmp_path / "away"
    bucket.mkdir()
    with closing(Database(database.file or "", bucket=Bucket(bucket.as_uri(), 1))) as outside:
        desk = Desk(outside, scheduler, tmp_path / "index")
        first, _ = desk.learn(GOOD)

        def between() -> None:
            # Gone with the first piece of work, and back once the job has waited for it.
            if "waits to publish" in caplog.text:
                if away.exists():
                    away.rename(bucket)
            elif bucket.exists():
                bucket.rename(away)

        desk.members.roster(desk.book.id, first.number)  # the champion is in memory
        second, _ = desk.learn({**GOOD, "seed": 5}, between=between)
        assert "waits to publish" in caplog.text
        assert second.number == 2
        assert len(desk.prompts(second)) == 2


def test_a_version_says_what_it_was_learned_from(
    desk: Desk, database: Database, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    register_skill(database, llm.identity, skill)
    desk.skill = active_skill(database, llm)
    recipe = resolved(Recipe(**{**GOOD, "epochs": 1, "objective": "both"}), skill.skill)
    with database.write() as session:
        passages = [passage.text for passage in passages_to_learn(session, desk.book.id)]
        study = studies.put(
            session,
            book_id=desk.book.id,
            key=study_key(llm.identity, desk.skill, recipe, passages),
            base_model=asdict(llm.identity),
            skill_id=desk.skill.id,
            settings={},
            items=[
                {
                    "passage": 0,
                    "kind": "who",
                    "question": "Who kept a green lamp?",
                    "answer": "Mira",
                    "log_likelihood": -0.1,
                }
            ],
        )
    version, _ = desk.learn(recipe.model_dump())
    assert (version.skill_id, version.study_id) == (desk.skill.id, study.id)
    assert version.data == {
        "text": sha256(STORY.encode()).hexdigest(),
        "skill": sha256(skill.artifact).hexdigest(),
        "study": study.artifact_sha256,
    }
    with database.read() as session:
        assert b"Who kept a green lamp?" in artifacts.get(session, version.data["study"])
    named = {"python", "bitsandbytes", "peft", "safetensors", "torch", "transformers"}
    assert named <= version.libraries.keys() <= named | {"bookchorus"}
    assert torch.__version__.startswith(version.libraries["torch"])


def test_members_learn_the_text_where_no_question_can_be_studied_and_the_version_says_so(
    desk: Desk, database: Database
) -> None:
    """Two random layers write nothing that ends in a question mark and has an answer in the passage."""
    version, _ = desk.learn({**GOOD, "epochs": 1, "objective": "auto", "kinds": 1})
    assert (version.recipe["objective"], version.study_id) == ("lm", None)
    assert version.data.keys() == {"text", "instruction"}
    assert version.metrics["steps"] > 0
    assert version.job_id is not None
    with database.read() as session:
        told = job_events.list_events(session, version.job_id, limit=1000)[0]
    [warned] = [each for each in told if each.data.get("kind") == "studied"]
    assert (warned.level, warned.data["questions"]) == ("warning", 0)
    assert "learn from its text itself" in warned.message
    # What is held out is text, as for a version that asks for the objective lm.
    second, _ = desk.learn({**GOOD, "epochs": 1})
    assert second.gate is not None
    assert second.gate["champion"] == version.number


def test_a_study_is_shared_by_versions_that_would_ask_the_same(llm: FrozenLLM, skill: LoadedSkill) -> None:
    recipe = Recipe(**GOOD)
    passages = ["Mira kept a green lamp in the tower of Ost.", "The baker sold butter to Mira."]
    key = study_key(llm.identity, skill, recipe, passages)
    assert len(key) == 64
    faster = recipe.model_copy(update={"learning_rate": 0.5, "members": 4})
    assert study_key(llm.identity, skill, faster, passages) == key
    for other in ({"kinds": 2}, {"seed": 5}, {"passages": 3}):
        assert study_key(llm.identity, skill, recipe.model_copy(update=other), passages) != key
    assert study_key(llm.identity, skill, recipe, passages[:1]) != key
    # Who asks decides, and of an asker how much it is to ask.
    asker = LoadedAsker(skill.skill, "0" * 64)
    by_asker = study_key(llm.identity, skill, recipe, passages, asker)
    assert by_asker != key
    assert study_key(llm.identity, skill, recipe, passages, replace(asker, digest="1" * 64)) != by_asker
    for other, matters in (({"questions": 3}, True), ({"pairs": 3}, True), ({"kinds": 2}, False)):
        changed = recipe.model_copy(update=other)
        assert (study_key(llm.identity, skill, changed, passages, asker) != by_asker) is matters
        assert (study_key(llm.identity, skill, changed, passages) != key) is not matters
