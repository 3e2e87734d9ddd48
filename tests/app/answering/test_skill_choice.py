"""Which skills are listed, and which of them is chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from app.answering.calibration import Calibration, Logistic
from app.answering.skill import LoadedSkill, active_skill, instruction_skill, register_skill
from app.answering.skill_choice import ListedSkill, choose_skill, list_skills
from app.errors import CommandError
from store.database import Database
from store.tables import Artifact
from tests.app.answering.shipping import louder, ship
from trainer.llm.frozen_llm import FrozenLLM


@pytest.fixture
def whole(skill: LoadedSkill) -> LoadedSkill:
    """A skill that knows what it was learned from and fitted on."""
    certain = Logistic(intercept=1.0, slopes={})
    return replace(
        skill,
        data={"learned_from": ["a", "b", "c"], "fitted_on": {"stories": 2, "questions": 84}},
        calibration=Calibration(answerable=certain, right=certain, decline_below=0.25),
    )


def listed(database: Database, llm: FrozenLLM, package: Path) -> list[ListedSkill]:
    with database.read() as session:
        return list_skills(session, [(llm.identity.id, llm.identity.revision)], package)


def seen(database: Database, llm: FrozenLLM, package: Path) -> list[tuple[object, ...]]:
    """Number, origin, whether the package has it, and for the champion who chose it."""
    return [
        (one.number, one.origin, one.in_package, one.chosen_by if one.champion else None)
        for one in listed(database, llm, package)
    ]


def test_a_skill_is_listed_with_what_it_was_learned_from(
    database: Database, llm: FrozenLLM, whole: LoadedSkill, skill: LoadedSkill, tmp_path: Path
) -> None:
    package = ship(tmp_path / "package", llm.identity, whole)
    waiting, instruction = listed(database, llm, package)
    first = active_skill(database, llm, shipped=package)
    known, _ = listed(database, llm, package)
    assert (known.llm, known.revision, known.id) == (llm.identity.id, llm.identity.revision, first.id)
    assert (known.method, known.sha256, known.bytes) == ("prefix", whole.digest, len(whole.artifact))
    assert (known.stories, known.questions, known.decline_below) == (3, 84, 0.25)
    assert known.created_at is not None
    # It was listed the same before it was registered, but for what the registry says.
    assert waiting == replace(known, id=None, number=None, created_at=None)
    assert (instruction.method, instruction.bytes, instruction.id) == (None, 0, None)
    # A skill from before knows less.
    register_skill(database, llm.identity, louder(skill, 2.0))
    older = listed(database, llm, package)[0]
    assert (older.stories, older.questions, older.decline_below) == (None, None, None)


def test_the_champion_is_what_a_start_takes(
    database: Database, llm: FrozenLLM, whole: LoadedSkill, tmp_path: Path
) -> None:
    package = ship(tmp_path / "package", llm.identity, whole)
    name, revision = llm.identity.id, llm.identity.revision
    instruction = (None, "instruction", False, None)
    assert seen(database, llm, package) == [(None, "shipped", True, "package"), instruction]
    active_skill(database, llm, shipped=package)
    assert seen(database, llm, package) == [(1, "shipped", True, "package"), instruction]
    ship(package, llm.identity, louder(whole, 2.0))
    assert seen(database, llm, package) == [
        (None, "shipped", True, "package"),
        (1, "shipped", False, None),
        instruction,
    ]
    register_skill(database, llm.identity, louder(whole, 3.0))
    assert seen(database, llm, package) == [
        (None, "shipped", True, None),
        (2, "learned", False, "user"),
        (1, "shipped", False, None),
        instruction,
    ]
    choose_skill(database, name, revision, "instruction", package)
    assert seen(database, llm, package)[-1] == (None, "instruction", False, "user")
    assert choose_skill(database, name, revision, "shipped", package) is not None
    assert seen(database, llm, package)[0] == (3, "shipped", True, "package")
    choose_skill(database, name, revision, 1, package)
    assert seen(database, llm, package)[2] == (1, "shipped", False, "user")
    assert sum(one.champion for one in listed(database, llm, package)) == 1


def test_an_llm_without_a_skill_has_the_instruction(
    database: Database, llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    other = ship(tmp_path / "package", replace(llm.identity, id="some/other", revision="1"), skill)
    mine, theirs, instruction = listed(database, llm, other)
    assert (mine.llm, mine.origin, mine.champion) == (llm.identity.id, "instruction", True)
    assert active_skill(database, llm, shipped=other).digest == instruction_skill(llm).digest
    assert (theirs.llm, theirs.origin, theirs.champion) == ("some/other", "shipped", True)
    assert (instruction.llm, instruction.champion) == ("some/other", False)
    with pytest.raises(CommandError, match=r"No skill of .* comes with the package"):
        choose_skill(database, llm.identity.id, llm.identity.revision, "shipped", other)


def test_an_llm_is_listed_once_something_was_chosen_for_it(
    database: Database, llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    package = ship(tmp_path / "package", replace(llm.identity, revision="of the notes"), skill)
    choose_skill(database, llm.identity.id, llm.identity.revision, "instruction", package)
    with database.read() as session:
        shown = list_skills(session, shipped=package)
    assert [(one.revision, one.origin, one.champion) for one in shown] == [
        (llm.identity.revision, "shipped", False),
        (llm.identity.revision, "instruction", True),
    ]


def test_a_skill_that_is_not_there_or_damaged_is_not_chosen(
    database: Database, llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    package = ship(tmp_path / "package", llm.identity, skill)
    active_skill(database, llm, shipped=package)
    name, revision = llm.identity.id, llm.identity.revision
    with pytest.raises(CommandError, match=r"has no skill 2\. What there is: bookchorus skill list"):
        choose_skill(database, name, revision, 2, package)
    with pytest.raises(CommandError, match="has no skill 1"):
        choose_skill(database, name, "another", 1, package)
    with database.write() as session:
        session.execute(update(Artifact).values(data=b"damaged"))
    with pytest.raises(CommandError, match=r"Skill 1 of .* cannot be used: .* damaged"):
        choose_skill(database, name, revision, 1, package)
    assert seen(database, llm, package)[0] == (1, "shipped", True, "package")
