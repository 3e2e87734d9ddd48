import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from app.answering.context_cache import Readings
from app.answering.skill import LoadedSkill
from app.engine.member_cache import Voice
from tests.learned import embeddings
from trainer.llm import templates
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.prompt import Prompts

TEXTS = ["Mira kept a green lamp.", "The baker sold butter, and it burned slowly.", "Fishermen came home."]


class Counting:
    """Runs at once, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, work: Callable[[], Any]) -> Any:
        self.runs += 1
        return work()


def voices(llm: FrozenLLM, count: int) -> list[Voice]:
    generator = torch.Generator().manual_seed(0)
    size = llm.identity.hidden_size
    return [
        Voice("book", 1, member, Prompts(torch.randn(1, 4, size, generator=generator)))
        for member in range(count)
    ]


def test_a_member_reads_behind_the_skill_and_its_own_prompt(llm: FrozenLLM, skill: LoadedSkill) -> None:
    closed = skill.skill.context(llm)
    [voice] = voices(llm, 1)
    [found] = Readings(llm, closed).of([voice], [TEXTS[:2]])
    assert voice.learned is not None
    [whole] = prefill(llm, [templates.passages(llm, TEXTS[:2])], closed, [embeddings(voice.learned)[0]])
    asked = templates.question(llm, "Who?")
    first, second = decode(llm, [Row(None, asked, 6, context=context) for context in (found, whole)])
    assert first.tokens == second.tokens
    assert first.log_likelihoods == pytest.approx(second.log_likelihoods, abs=1e-4)


def test_everything_is_read_once(llm: FrozenLLM, skill: LoadedSkill) -> None:
    count = Counting()
    readings = Readings(llm, skill.skill.context(llm), run=count)
    members = voices(llm, 3)
    first = readings.of(members, [[text] for text in TEXTS])
    assert count.runs == 2  # the members, and their passages
    assert readings.of(members, [[text] for text in TEXTS]) == first
    assert readings.of(members, [[], [], []]) == [context.parent for context in first]
    assert count.runs == 2


def test_voices_without_a_prompt_share_what_was_read(llm: FrozenLLM, skill: LoadedSkill) -> None:
    closed = skill.skill.context(llm)
    readings = Readings(llm, closed)
    first, second, nothing = readings.of(
        [Voice("one"), Voice("two"), Voice("one")], [TEXTS[:1], TEXTS[:1], []]
    )
    assert first is second
    assert nothing is closed


def test_what_takes_too_much_memory_is_read_again(llm: FrozenLLM, skill: LoadedSkill) -> None:
    count = Counting()
    readings = Readings(llm, skill.skill.context(llm), most_bytes=1, run=count)
    [member] = voices(llm, 1)
    for text in (TEXTS[0], TEXTS[1], TEXTS[0]):
        readings.of([member], [[text]])
    assert count.runs == 6


class Queueing:
    """Runs one thing at a time, as the engine does, and none before two ask for it."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)
        self._turn = threading.Lock()

    def __call__(self, work: Callable[[], Any]) -> Any:
        self._both.wait(timeout=60)
        with self._turn:
            return work()


def test_what_two_ask_for_at_once_is_read_once(llm: FrozenLLM, skill: LoadedSkill) -> None:
    readings = Readings(llm, skill.skill.context(llm), run=Queueing())
    [member] = voices(llm, 1)
    with ThreadPoolExecutor(2) as pool:
        [[first], [second]] = pool.map(lambda _: readings.of([member], [TEXTS[:1]]), range(2))
    assert first is second
    assert first.parent is second.parent
