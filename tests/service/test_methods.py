"""Every method through a real service: learned, compared, answered with, looked at, exported and imported."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest

from app.answering.skill import LoadedSkill
from app.client import Client, ClientError
from tests.service.conftest import service
from tests.service.test_self_study import register
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM
from trainer.options import Method, Placement

RECIPE = {"members": 3, "virtual_tokens": 4, "rank": 2, "epochs": 1, "heldout": 0.2}


@pytest.fixture(scope="module", params=["instruction", "skill"])
def here(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_folder: Path,
    llm: FrozenLLM,
    skill: LoadedSkill,
) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("methods")
    if request.param == "skill":
        register(folder, llm, skill)
    with service(folder, "--model", str(tiny_folder), dtype="float32") as client:
        yield client


def learned(client: Client, book: str, recipe: dict[str, object], parent: int | None = None) -> int:
    """The number of a new version."""
    job = client.train(book, recipe=recipe, parent=parent)
    *_, last = client.follow(job.id)
    assert last.data["kind"] == "succeeded", last.message
    with_version = client.job(job.id)
    assert with_version.version is not None
    return with_version.version


@pytest.fixture(scope="module")
def book(here: Client) -> str:
    """A book whose first version is the champion."""
    added = here.add(STORY, title="Lamps", recipe=RECIPE)
    assert added.job is not None
    list(here.follow(added.job.id))
    return added.book.id


@pytest.mark.parametrize(
    ("method", "placement"), [*((each, "front") for each in get_args(Method)), ("lora", "behind")]
)
def test_a_version_of_each_method_is_learned_asked_and_goes_on(
    here: Client, book: str, method: Method, placement: Placement, tmp_path: Path
) -> None:
    number = learned(here, book, {**RECIPE, "method": method, "placement": placement})
    version = here.registry.version(book, number)
    assert (version.recipe["method"], version.recipe["placement"]) == (method, placement)
    assert version.recipe["learning_rate"] == (0.001 if method == "lora" else 0.003)
    # The gate compared it with a champion of whatever method.
    assert version.gate is not None
    answer = here.ask("Who kept a green lamp?", books=[f"{book}@{number}"], seed=1)
    assert [used.version for used in answer.versions] == [number]
    wish = {"question": "Who?", "books": [f"{book}@{number}"], "choices": ["Mira", "the baker"]}
    chosen = httpx.post(f"{here.url}/ask", json=wish, timeout=60, trust_env=False).json()
    assert chosen["answer"] in ("Mira", "the baker")

    found = here.transfer.inspect(book, str(number))
    assert (found.method, found.virtual_tokens) == (method, 0 if method == "lora" else 4)
    assert all(look.moved is not None and look.moved > 0 for look in found.members)
    assert all(bool(look.first) == (method == "prompt") for look in found.members)
    assert found.similarity[0][0] == pytest.approx(1.0, abs=1e-3)

    here.transfer.export(book, str(number), tmp_path)
    # PEFT puts nothing beside LoRA.
    assert (tmp_path / "member-0-with-skill").exists() == (method != "lora")
    card = (tmp_path / "member-0" / "README.md").read_text()
    assert ("between a passage and the question" in card) == (placement == "behind")
    assert ("the hand-written instruction" in card) == (version.skill is None)
    imported = here.transfer.import_(book, tmp_path)
    assert [one.sha256 for one in imported.members] == [one.sha256 for one in version.members]
    assert imported.recipe["placement"] == placement
    again = here.ask("Who kept a green lamp?", books=[f"{book}@{imported.number}"], seed=1)
    assert (again.answer, again.confidence) == (answer.answer, answer.confidence)

    # What the recipe leaves open is the parent's.
    further = here.registry.version(book, learned(here, book, {"epochs": 1}, parent=number))
    assert further.parent == number
    assert [further.recipe[name] for name in ("method", "placement", "members")] == [method, placement, 3]
    assert further.recipe["rank" if method == "lora" else "virtual_tokens"] == (2 if method == "lora" else 4)
    before = [one.loss_before for one in further.members]
    if any(each is not None for each in before):
        assert before == pytest.approx([one.loss_after for one in version.members], abs=1e-3)


def test_what_does_not_go_together_is_refused(here: Client, book: str) -> None:
    number = learned(here, book, {**RECIPE, "method": "lora"})
    for recipe, parent, told in (
        ({"method": "prefix"}, number, "3 members of rank 2, method lora"),
        ({"rank": 3}, number, "3 members of rank 2, method lora"),
        ({"placement": "behind"}, number, "method lora, placement front"),
        ({"closed": 0.6, "distractors": 0.5}, None, "together at most 1"),
        ({"append": True}, number, "Only virtual tokens of the method prompt"),
        ({"method": "prefix"}, 1, "3 members of 4 virtual tokens, method prompt"),
        ({"method": "adalora"}, None, "method"),
    ):
        with pytest.raises(ClientError, match=told) as refused:
            here.train(book, recipe=recipe, parent=parent)
        assert refused.value.type == "/problems/invalid-recipe"
