from dataclasses import replace
from pathlib import Path

from app.answering.calibration import Calibration, Logistic
from app.answering.skill import LoadedSkill
from app.datasets.questions import Dataset
from app.evaluation.report import summarise
from app.evaluation.run import Evaluation
from tests import tiny
from tests.app.evaluation.stories import DATASET, RECIPE
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load


def test_the_bare_systems_are_asked_without_what_the_skill_changes(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    folder = tiny.save(tmp_path / "other")
    other = load(str(folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    for parameter in other.model.parameters():
        parameter.data.mul_(1.5)
    systems = ["bare", "rag", "gold", "skill", "skill_gold", "skill_closed", "skill_apart", "skill_elsewhere"]
    same, apart = (
        Evaluation(llm, bare, skill, DATASET, systems, RECIPE, tmp_path / name).run()
        for name, bare in (("same", llm), ("apart", other))
    )
    changed = {
        one.system
        for one, two in zip(same, apart, strict=True)
        if (one.answer, one.nll) != (two.answer, two.nll)
    }
    assert changed == {"bare", "rag", "gold"}


def test_the_readers_without_members_are_as_sure_as_the_calibration_says(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    calibration = Calibration(
        answerable=Logistic(intercept=0.1, slopes={"retrieval": 3.0}),
        right=Logistic(intercept=-0.2, slopes={"worth": 1.0}),
    )
    calibrated = replace(skill, calibration=calibration)
    systems = ["skill_apart", "skill_elsewhere"]
    found = Evaluation(llm, llm, calibrated, DATASET, systems, RECIPE, tmp_path).run()
    own, elsewhere, oracle = (
        {(one.story, one.question): one for one in found if one.system == name}
        for name in ("skill_apart", "skill_elsewhere", "skill_apart (oracle of 8)")
    )
    assert len(own) == 3
    assert own.keys() == elsewhere.keys() == oracle.keys()
    for key, one in own.items():
        assert oracle[key].rouge_l >= one.rouge_l
        # The words of a question's own story are nearer to it than those of another.
        assert (one.confidence or 0) > (elsewhere[key].confidence or 0) > 0
    summary = next(one for one in summarise(found, "story") if one.system == "skill_apart")
    assert summary.ece is not None
    assert summary.aurc is not None


def test_gold_is_not_asked_where_no_section_is_known(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    [first, *rest] = DATASET.questions
    partly = Dataset(DATASET.stories, [replace(first, gold=[]), *rest])
    evaluation = Evaluation(llm, llm, skill, partly, ["gold", "skill", "skill_gold"], RECIPE, tmp_path)
    assert evaluation.left_out() == {"gold": 1, "skill_gold": 1}
    found = evaluation.run()
    asked = [(one.story, one.question) for one in found if one.system == "skill_gold"]
    assert sorted(asked) == [("frog", 1), ("lamp", 2)]
    assert len([one for one in found if one.system == "skill"]) == 3
    alone = replace(evaluation, dataset=partly.of(["frog"]), systems=["elsewhere", "skill"])
    assert alone.left_out() == {"elsewhere": 1}
