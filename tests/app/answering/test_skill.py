"""Which skill an LLM answers behind."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.answering.calibration import Calibration, Logistic
from app.answering.skill import LoadedSkill, active_skill, register_skill, shipped_llms, shipped_skill
from app.answering.skill_choice import choose_skill
from app.answering.weighting import Weighting
from store import skills
from store.database import Database
from tests.app.answering.shipping import louder, ship
from trainer.llm.availability import EMBEDDED
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.skill import initial_skill


def test_an_llm_has_the_instruction_until_it_has_learned_a_skill(
    database: Database, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    first = active_skill(database, llm)
    assert (first.is_instruction, first.id, first.calibration, first.learned_from) == (
        True,
        None,
        None,
        set(),
    )
    for name, tensor in initial_skill(llm).tensors.items():
        torch.testing.assert_close(first.skill.tensors[name], tensor)
    # It is no skill of the registry, and the same words have one digest whatever the LLM's dtype.
    with database.read() as session:
        assert skills.list_skills(session) == []
    assert first.digest == active_skill(database, llm).digest
    row = register_skill(database, llm.identity, skill)
    after = active_skill(database, llm)
    assert (after.is_instruction, after.id, after.digest) == (False, row.id, row.artifact_sha256)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged since it was last asked."""

    def lines() -> list[str]:
        found = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return found

    return lines


def numbers(database: Database, llm: FrozenLLM) -> list[int]:
    with database.read() as session:
        return [row.number for row in skills.list_skills(session) if row.base_model_id == llm.identity.id]


def test_the_skill_of_a_newer_package_follows_that_of_an_older_one(
    database: Database,
    llm: FrozenLLM,
    skill: LoadedSkill,
    tmp_path: Path,
    told: Callable[[], list[str]],
) -> None:
    package = ship(tmp_path / "package", llm.identity, skill)
    first = active_skill(database, llm, shipped=package)
    assert (first.digest, first.is_instruction, told()) == (skill.digest, False, [])
    assert active_skill(database, llm, shipped=package).id == first.id
    newer = louder(skill, 2.0)
    ship(package, llm.identity, newer)
    second = active_skill(database, llm, shipped=package)
    assert (second.digest, numbers(database, llm)) == (newer.digest, [2, 1])
    [line] = told()
    assert re.match(r"Skill 2, which comes with this package, .* before it was skill 1\.$", line)
    assert (active_skill(database, llm, shipped=package).id, told()) == (second.id, [])
    # The older package again has its own skill, which is there still.
    ship(package, llm.identity, skill)
    assert active_skill(database, llm, shipped=package).id == first.id
    assert numbers(database, llm) == [2, 1]
    assert len(told()) == 1


def test_a_shipped_skill_that_was_fitted_anew_is_taken_with_its_fit(
    database: Database, llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    package = ship(tmp_path / "package", llm.identity, skill)
    first = active_skill(database, llm, shipped=package)
    calibration = Calibration(
        answerable=Logistic(intercept=1.0, slopes={}),
        right=Logistic(intercept=2.0, slopes={}),
        decline_below=0.4,
    )
    for anew in (
        replace(skill, weighting=Weighting(answerable=3.0, retrieval=2.0, log_likelihood=1.0)),
        replace(skill, calibration=calibration),
    ):
        ship(package, llm.identity, anew)
        found = active_skill(database, llm, shipped=package)
        assert found.id != first.id
        assert (found.digest, found.weighting, found.calibration) == (
            skill.digest,
            anew.weighting,
            anew.calibration,
        )
    assert numbers(database, llm) == [3, 2, 1]


def test_what_the_user_learned_or_chose_stays_when_a_newer_package_comes(
    database: Database, llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    package = ship(tmp_path / "package", llm.identity, skill)
    shipped = active_skill(database, llm, shipped=package)
    learned = register_skill(database, llm.identity, louder(skill, 2.0))
    ship(package, llm.identity, louder(skill, 3.0))
    assert active_skill(database, llm, shipped=package).id == learned.id
    name, revision = llm.identity.id, llm.identity.revision
    choose_skill(database, name, revision, 1, package)
    assert active_skill(database, llm, shipped=package).id == shipped.id
    choose_skill(database, name, revision, "instruction", package)
    assert active_skill(database, llm, shipped=package).is_instruction
    assert (numbers(database, llm), told()) == ([2, 1], [])
    # Until the package is to choose again.
    choose_skill(database, name, revision, "shipped", package)
    assert active_skill(database, llm, shipped=package).digest == louder(skill, 3.0).digest
    ship(package, llm.identity, louder(skill, 4.0))
    assert active_skill(database, llm, shipped=package).digest == louder(skill, 4.0).digest
    assert numbers(database, llm) == [4, 3, 2, 1]


def test_a_package_without_a_skill_for_the_llm_leaves_all_as_it_is(
    database: Database, llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    package = ship(tmp_path / "package", llm.identity, skill)
    first = active_skill(database, llm, shipped=package)
    other = ship(tmp_path / "other", replace(llm.identity, id="some/other"), louder(skill, 2.0))
    assert active_skill(database, llm, shipped=other).id == first.id
    assert numbers(database, llm) == [1]


def test_the_package_has_a_skill_for_the_embedded_llm() -> None:
    assert shipped_llms()[EMBEDDED].hidden_size == 576
    found = shipped_skill(EMBEDDED)
    assert found is not None
    assert (found.skill.method, len(found.learned_from)) == ("lora", 208)
    assert shipped_skill("some/llm") is None
