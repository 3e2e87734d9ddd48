"""What an evaluation keeps of what it has read, in bytes."""

import gc
from dataclasses import replace
from pathlib import Path

from app.answering.skill import LoadedSkill
from app.datasets.questions import Dataset, LabelledQuestion, Story
from app.evaluation.run import Evaluation
from tests.app.evaluation.stories import DATASET, RECIPE
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues


def test_what_was_read_of_a_story_is_let_go_with_it(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    names = [f"story{number}" for number in range(5)]
    many = Dataset(
        [Story(name, [f"{name} {text}" for text in DATASET.stories[0].sections], None) for name in names],
        [LabelledQuestion(name, 1, f"Who kept a lamp in {name}?", ["Mira"], [0], []) for name in names],
    )
    evaluation = Evaluation(llm, llm, skill, many, ["skill_apart"], RECIPE, tmp_path)
    readings = read_during(evaluation, "0 of 1 answered")
    assert len(readings) == len(names)
    # Before a story is asked, nothing is there but what stands without any, such as the skill.
    assert set(readings) == {readings[0]}


def test_what_is_kept_of_a_story_has_a_bound(llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path) -> None:
    rooms = range(20)
    tower = Dataset(
        [Story("tower", [f"Room {room} of the tower held a lamp." for room in rooms], None)],
        [
            LabelledQuestion("tower", room, f"What did room {room} hold?", ["a lamp"], [room], [])
            for room in rooms
        ],
    )
    evaluation = Evaluation(llm, llm, skill, tower, ["skill_gold"], RECIPE, tmp_path / "all")
    whole, bounded = (
        max(readings) - min(readings)
        for readings in (
            read_during(evaluation),
            read_during(replace(evaluation, cache=tmp_path / "few", most_bytes=1)),
        )
    )
    # What is answered, and what the next question reads meanwhile.
    assert bounded < whole / 4


def read_during(evaluation: Evaluation, when: str = "answered") -> list[int]:
    """Bytes of all that any LLM reads in a run and that is still in memory, at each progress that says
    so.
    """
    found: list[int] = []

    def count(what: str) -> None:
        if when in what:
            found.append(sum(one.nbytes for one in gc.get_objects() if type(one) is KeysAndValues))

    gc.collect()
    # What was there before need not be looked through, time and again.
    gc.freeze()
    # What is kept in a circle then stays, and is counted.
    gc.disable()
    try:
        evaluation.run(count)
    finally:
        gc.enable()
        gc.unfreeze()
    return found
