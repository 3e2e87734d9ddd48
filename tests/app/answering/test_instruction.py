"""LLMs that have learned no skill: they answer and learn behind the instruction."""

from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest

from app.answering.skill import instruction_skill
from app.answering.types import Answer, Question
from app.service.assembly import build
from app.service.service import Service
from app.settings import Settings
from app.training.study import study_key
from store import books, job_events, jobs, skills, studies, versions
from store.passages import passages_to_learn
from store.tables import Job, Study, Version
from tests import tiny
from tests.app.training.test_job_runner import edition
from trainer.llm import templates
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.options import DEFAULT_CACHE_DIR
from trainer.recipe import Recipe

RECIPE = Recipe(members=2, virtual_tokens=4, kinds=4, passages=1, epochs=1000, budget_tokens=200)
WHO = Question("Who kept a green lamp?")
WRITTEN = [("Who kept a green lamp?", "Mira"), ("What did the lamp burn?", "butter")]


@pytest.fixture(scope="module", params=["qwen3", "flan_t5", "embedded"])
def untaught(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    """A tiny LLM of each kind, or the embedded one."""
    if request.param == "embedded":
        return load("embedded", device="cpu", dtype="float32", cache_dir=DEFAULT_CACHE_DIR.expanduser())
    folder = tmp_path_factory.mktemp("untaught")
    saved = tiny.save(folder / "model", family=request.param)
    return load(str(saved), device="cpu", cache_dir=folder)


@pytest.fixture
def service(untaught: FrozenLLM, tmp_path: Path) -> Iterator[Service]:
    """A service whose embedded LLM, too, has the instruction instead of the skill in the package."""
    settings = Settings(data_dir=tmp_path)
    service = build(settings, untaught, skill=instruction_skill(untaught))
    yield service
    service.close()


def heard(answer: Answer) -> set[int | None]:
    """Who answered: each from one passage, which it has judged, and nothing is declined or called sure."""
    said = [candidate for vote in answer.verdict.votes for candidate in vote.candidates]
    assert said
    assert all(each.text and each.passage is not None for each in said)
    assert all(each.answerable is not None and 0 < each.answerable <= 1 for each in said)
    assert sum(each.weight for each in said) == pytest.approx(1)
    verdict = answer.verdict
    assert verdict.answer in {each.text for each in said}
    assert (verdict.calibrated, verdict.answerable, answer.abstention) == (False, None, None)
    return {each.member.member for each in said}


def learned(service: Service, book_id: str) -> tuple[Job, Version]:
    """Have a book learned."""
    with service.database.write() as session:
        job = service.training.queue(session, book_id, service.training.recipe(RECIPE.model_dump()))
    service.call_worker()
    while job.status in ("queued", "running"):
        service.scheduler.run_when_idle(lambda: None)
        with service.database.read() as session:
            job = jobs.get(session, job.id)
    assert job.status == "succeeded", job.error_message
    assert job.version_number is not None
    with service.database.read() as session:
        return job, versions.get(session, book_id, job.version_number)


def write_study(service: Service, llm: FrozenLLM, book_id: str) -> None:
    """Questions that this LLM might have written about the book, had it more than two random layers."""
    with service.database.write() as session:
        passages = [passage.text for passage in passages_to_learn(session, book_id)]
        studies.put(
            session,
            book_id=book_id,
            key=study_key(llm.identity, instruction_skill(llm), RECIPE, passages),
            base_model=asdict(llm.identity),
            skill_id=None,
            settings={},
            items=[
                {
                    "passage": number,
                    "kind": "who",
                    "question": question,
                    "answer": answer,
                    "log_likelihood": -1,
                }
                for number, (question, answer) in enumerate(WRITTEN)
            ],
        )


def test_a_book_is_answered_from_learned_by_self_study_and_answered_from_again(
    service: Service, untaught: FrozenLLM
) -> None:
    with service.database.write() as session:
        book, _ = books.add(session, edition(tiny.STORY), title="The Lamp of Ost")
    service.index.complete()
    before = service.answering.answer(WHO)
    assert before.panel.degraded == "untrained"
    assert heard(before) == {None}
    choice = service.answering.answer(Question("Who sold butter?", "choices", ["Mira", "a frog"]))
    assert choice.verdict.answer in ("Mira", "a frog")

    if untaught.identity.id != "embedded":
        write_study(service, untaught, book.id)
    job, version = learned(service, book.id)
    assert version.recipe["objective"] == "self_study"
    assert version.study_id is not None
    with service.database.read() as session:
        study = session.get_one(Study, version.study_id)
        assert study.items > 0
        assert skills.list_skills(session) == []
        steps = [
            each for each in job_events.list_events(session, job.id, limit=1000)[0] if each.type == "metrics"
        ]
    assert steps
    # What it was learned behind is said.
    assert version.skill_id is None
    words = sha256(templates.OPENING.encode()).hexdigest()
    assert version.data.keys() == {"text", "instruction", "study"}
    assert version.data["instruction"] == words

    after = service.answering.answer(WHO)
    assert after.panel.degraded is None
    assert [used.version for used in after.panel.versions] == [1]
    assert heard(after) <= {0, 1}
