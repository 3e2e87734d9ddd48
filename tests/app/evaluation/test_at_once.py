from dataclasses import replace
from pathlib import Path

import pytest

from app.answering.skill import LoadedSkill
from app.evaluation.run import Evaluation
from app.evaluation.systems import SYSTEMS
from tests.app.evaluation.stories import DATASET, RECIPE, UNLEARNED
from trainer.llm.frozen_llm import FrozenLLM


def test_answers_are_the_same_however_many_are_asked_at_once(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    one, four = (
        Evaluation(llm, llm, skill, DATASET, SYSTEMS, RECIPE, tmp_path / str(count), at_once=count).run()
        for count in (1, 4)
    )
    numbers = ("nll", "confidence")
    rounded = {"seconds": None, **dict.fromkeys(numbers)}
    assert [each.model_copy(update=rounded) for each in one] == [
        each.model_copy(update=rounded) for each in four
    ]
    for number in numbers:
        alone = [getattr(each, number) for each in one]
        together = [getattr(each, number) for each in four]
        assert together == [value if value is None else pytest.approx(value, abs=1e-4) for value in alone]
    # Where questions wait for one another, the time of one is unknown.
    assert all(each.seconds is not None for each in one)
    assert {each.seconds for each in four} == {None}


def test_a_run_that_was_stopped_goes_on_with_more_at_once(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    def stop(what: str) -> None:
        if what.startswith("story 2 of 2") and "1 of" in what:
            raise KeyboardInterrupt

    evaluation = Evaluation(llm, llm, skill, DATASET, UNLEARNED, RECIPE, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        replace(evaluation, at_once=4).run(stop)
    told: list[str] = []
    found = evaluation.run(told.append)
    # All of the first story were written down, and one of the second's five.
    assert {what.partition(":")[0] for what in told} == {"story 2 of 2, frog"}
    assert len([what for what in told if "answered, " in what]) == 4
    for system in UNLEARNED:
        assert len([one for one in found if one.system == system]) == 3
