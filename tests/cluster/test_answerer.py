"""An answerer, and a trainer, without a cluster: what they refuse, and when they are not well."""

import asyncio
import pickle
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.answering.skill import LoadedSkill, register_skill
from app.cluster.answerer import Answerer, OtherSkillError
from app.cluster.trainer import Trainer
from app.engine.errors import EngineClosedError
from app.engine.member_cache import OtherModelError, UnusableVersionError
from app.errors import CommandError
from app.parsing.parsed import ParseError
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import Settings, load
from app.transfer.refusal import ImportRefusedError
from store.tables import Version
from trainer.llm.microbatches import OutOfMemoryError
from trainer.methods.tensors import FormatError


@pytest.fixture
def settings(tiny_folder: Path, tmp_path: Path) -> Settings:
    return load({"model": str(tiny_folder), "data_dir": tmp_path / "data"})


@pytest.fixture
def answerer(settings: Settings) -> Iterator[Answerer]:
    with closing(Answerer(settings)) as made:
        yield made


def test_a_question_that_is_weighed_by_another_skill_is_refused(answerer: Answerer) -> None:
    facts = asyncio.run(answerer.facts())
    assert asyncio.run(answerer.have_read(facts.skill.digest, [])) == []
    with pytest.raises(OtherSkillError) as refused:
        asyncio.run(answerer.have_read("another", []))
    assert pickle.loads(pickle.dumps(refused.value)).facts == facts


@pytest.mark.parametrize("kind", [Answerer, Trainer])
def test_who_stands_on_another_skill_than_the_chosen_one_is_not_well(
    kind: type[Answerer | Trainer], settings: Settings, skill: LoadedSkill
) -> None:
    identity = load_llm(settings).identity
    with closing(kind(settings)) as process, closing(open_database(settings)) as database:
        process.check_health()
        register_skill(database, identity, skill)
        with pytest.raises(CommandError, match="Another skill"):
            process.check_health()
    with closing(kind(settings)) as process:
        process.check_health()


@pytest.mark.parametrize(
    "error",
    [
        ParseError("bad-archive", "No archive.", bytes=3),
        ImportRefusedError("bad-adapter", "No adapter.", member=1),
        OtherModelError(Version(number=2, base_model_id="other/llm")),
        UnusableVersionError(2, "members-missing", "lacks a member"),
        EngineClosedError(),
        FormatError("No tensors."),
        OutOfMemoryError("Too long."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_an_answerer_is_the_same_where_it_arrives(error: Exception) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))
