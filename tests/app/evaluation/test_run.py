from pathlib import Path

import pytest

from app.answering.skill import LoadedSkill
from app.datasets.questions import Dataset, LabelledQuestion
from app.evaluation.predictions import Prediction
from app.evaluation.report import summarise
from app.evaluation.run import Evaluation
from app.evaluation.systems import SYSTEMS
from tests.app.evaluation.stories import DATASET, RECIPE
from trainer.llm.frozen_llm import FrozenLLM


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation that was run to its end."""
    return tmp_path_factory.mktemp("evaluated")


@pytest.fixture(scope="module")
def evaluation(llm: FrozenLLM, skill: LoadedSkill, cache: Path) -> Evaluation:
    return Evaluation(llm, llm, skill, DATASET, SYSTEMS, RECIPE, cache)


@pytest.fixture(scope="module")
def found(evaluation: Evaluation) -> list[Prediction]:
    return evaluation.run()


def test_every_system_answers_every_question(found: list[Prediction]) -> None:
    for system in (*SYSTEMS, "member 1", "member 2", "chorus: vote", "chorus N=1", "(oracle of 8)"):
        own = [one for one in found if one.system == system]
        assert len(own) == 3, system
        assert all(one.nll is not None and one.nll > 0 for one in own)
    member = [one for one in found if one.system == "member"]
    parts = [[one for one in found if one.system == f"member {number}"] for number in (1, 2)]
    for mean, first, second in zip(member, *parts, strict=True):
        assert mean.rouge_l == pytest.approx((first.rouge_l + second.rouge_l) / 2)
    chorus, oracle = (
        next(each for each in summarise(found, "story") if each.system == name)
        for name in ("chorus", "(oracle of 8)")
    )
    assert chorus.rouge_l <= oracle.rouge_l
    assert chorus.book_hit == 1
    assert chorus.recall_at_5 == 1


def test_a_single_story_has_no_elsewhere(llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path) -> None:
    alone = Evaluation(llm, llm, skill, DATASET.of(["frog"]), ["skill", "elsewhere"], RECIPE, tmp_path)
    assert {one.system for one in alone.run()} == {"skill"}


def test_a_second_run_answers_and_learns_nothing_again(
    evaluation: Evaluation, found: list[Prediction]
) -> None:
    told: list[str] = []
    assert evaluation.run(told.append) == found
    assert told == []


def test_a_run_that_was_stopped_goes_on(llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path) -> None:
    evaluation = Evaluation(llm, llm, skill, DATASET, SYSTEMS, RECIPE, tmp_path)

    class Stopped(Exception):  # noqa: N818 - it is no error
        pass

    answers = []

    def stop(what: str) -> None:
        if "answered, " in what:
            answers.append(what)
        if len(answers) == 8:
            raise Stopped

    with pytest.raises(Stopped):
        evaluation.run(stop)
    told: list[str] = []
    found = evaluation.run(told.append)
    assert len([what for what in told if "answered, " in what]) == 3 * len(SYSTEMS) - 8
    for system in SYSTEMS:
        assert len([one for one in found if one.system == system]) == 3


def test_members_learn_nothing_from_the_questions(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path, cache: Path, found: list[Prediction]
) -> None:
    assert found
    other = Dataset(
        DATASET.stories, [LabelledQuestion("lamp", 1, "Why is the moon round?", ["nobody knows"], [0], [])]
    )
    Evaluation(llm, llm, skill, other, ["member"], RECIPE, tmp_path).run()
    [name] = [path for path in (tmp_path / "versions").iterdir() if path.name.startswith("lamp")]
    for file in sorted(name.glob("*.safetensors")):
        assert file.read_bytes() == (cache / "versions" / name.name / file.name).read_bytes()
