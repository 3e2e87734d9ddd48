"""A service on an encoder-decoder LLM: books are learned and asked, behind the instruction or a skill."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.answering.skill import LoadedSkill
from app.client import Client
from app.errors import CommandError
from app.schemas import Answer
from tests import tiny
from tests.service.conftest import service
from tests.service.test_self_study import register
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.skill.skill import initial_skill

RECIPE = {
    "members": 3,
    "virtual_tokens": 4,
    "epochs": 8,
    "learning_rate": 0.1,
    "heldout": 0.2,
    "initialisation": "text",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("flan") / "model", family="flan_t5")


@pytest.fixture(scope="module")
def seq2seq(folder: Path) -> FrozenLLM:
    return load(str(folder), device="cpu", cache_dir=folder.parent)


@pytest.fixture(scope="module")
def flan(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with service(tmp_path_factory.mktemp("service"), "--model", str(folder)) as client:
        yield client


def asked(client: Client, **more: object) -> Answer:
    body = {"question": "What did Mira keep?", **more}
    return Answer(**httpx.post(f"{client.url}/ask", json=body, timeout=60, trust_env=False).json())


def test_a_book_is_learned_asked_and_listed(flan: Client, tmp_path: Path) -> None:
    for number, objective in enumerate(("lm", "auto")):
        file = tmp_path / f"{objective}.md"
        file.write_text(tiny.STORY + objective)
        added = flan.add(file, recipe={**RECIPE, "objective": objective})
        assert added.job is not None
        events = list(flan.follow(added.job.id))
        assert events[-1].data["kind"] == "succeeded", events[-1].message
        version = next(each for each in flan.versions() if each.book == added.book.id)
        assert len(flan.versions()) == number + 1
        # Two random layers write no question that can be studied.
        assert version.recipe["objective"] == "lm"
        assert any(event.data.get("kind") == "studied" for event in events) == (objective == "auto")
        assert version.skill is None
        for member in version.members:
            assert member.loss_before is not None
            assert member.loss_after is not None
            assert member.loss_after < member.loss_before
        for strategy in ("vote", "mixture"):
            wish = {"books": [added.book.id], "seed": 1, "strategy": strategy, "adaptive": False}
            answer, again = (asked(flan, **wish) for _ in range(2))
            assert answer.degraded is None
            assert answer.citations
            said = [candidate for vote in answer.votes for candidate in vote.candidates]
            assert {candidate.member for candidate in said} == {0, 1, 2}
            assert again.votes == answer.votes
        assert asked(flan, books=[added.book.id], choices=["a lamp", "a frog"]).answer in {"a lamp", "a frog"}


def test_members_read_apart_behind_a_soft_prompt_skill(
    folder: Path, seq2seq: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    soft = initial_skill(seq2seq)
    registered = register(tmp_path, seq2seq, replace(skill, skill=soft, artifact=soft.to_bytes()))
    file = tmp_path / "story.md"
    file.write_text(tiny.STORY)
    with service(tmp_path, "--model", str(folder)) as client:
        added = client.add(file, recipe={**RECIPE, "epochs": 1, "objective": "both"})
        assert added.job is not None
        events = list(client.follow(added.job.id))
        assert events[-1].data["kind"] == "succeeded", events[-1].message
        [version] = client.versions()
        assert version.skill == registered
        answer = asked(client)
        said = [candidate for vote in answer.votes for candidate in vote.candidates]
        assert said
        assert all(candidate.passage is not None for candidate in said)
        chosen = asked(client, choices=["a lamp", "a frog"])
        assert chosen.answer in {"a lamp", "a frog"}
        assert {candidate.member for vote in chosen.votes for candidate in vote.candidates} <= {0, 1, 2}


def test_a_prefix_of_keys_and_values_is_refused(
    folder: Path, seq2seq: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    registered = register(tmp_path, seq2seq, skill)
    with (
        pytest.raises(
            CommandError, match=f"{registered} cannot be used: .* must be a soft prompt"
        ) as refused,
        service(tmp_path, "--model", str(folder)),
    ):
        pass
    assert "Traceback" not in str(refused.value)
