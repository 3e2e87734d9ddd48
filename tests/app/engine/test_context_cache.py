import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pytest
import torch

from app.answering.skill import LoadedSkill
from app.engine.context_cache import ContextCache
from app.engine.records import MemberId, Reading
from app.engine.runner import DirectRunner
from tests.learned import embeddings
from trainer.llm import templates
from trainer.llm.batch_types import Row
from trainer.llm.context import Context
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.prompt import Prompts

T = TypeVar("T")
TEXTS = ["Mira kept a green lamp.", "The baker sold butter, and it burned slowly.", "Fishermen came home."]


class Counting(DirectRunner):
    """Runs at once, and counts how often it is asked to."""

    runs = 0

    def run_now(self, work: Callable[[], T]) -> T:
        self.runs += 1
        return super().run_now(work)


def learned(llm: FrozenLLM, count: int) -> dict[MemberId, Prompts]:
    generator = torch.Generator().manual_seed(0)
    size = llm.identity.hidden_size
    return {
        MemberId("book", 1, member): Prompts(torch.randn(1, 4, size, generator=generator))
        for member in range(count)
    }


def reading(member: MemberId, *texts: str) -> Reading:
    return Reading(member, texts, "Who?")


def test_a_member_reads_behind_the_skill_and_its_own_prompt(llm: FrozenLLM, skill: LoadedSkill) -> None:
    closed = skill.skill.context(llm)
    [(member, prompts)] = learned(llm, 1).items()
    [found] = ContextCache(DirectRunner(llm), closed, {member: prompts}.get).of([reading(member, *TEXTS[:2])])
    [whole] = prefill(llm, [templates.passages(llm, TEXTS[:2])], closed, [embeddings(prompts)[0]])
    asked = templates.question(llm, "Who?")
    first, second = decode(llm, [Row(None, asked, 6, context=context) for context in (found, whole)])
    assert first.tokens == second.tokens
    assert first.log_likelihoods == pytest.approx(second.log_likelihoods, abs=1e-4)


def test_everything_is_read_once(llm: FrozenLLM, skill: LoadedSkill) -> None:
    count = Counting(llm)
    members = learned(llm, 3)
    cache = ContextCache(count, skill.skill.context(llm), members.get)
    readings = [reading(member, text) for member, text in zip(members, TEXTS, strict=True)]
    first = cache.of(readings)
    assert count.runs == 2  # the members, and their passages
    assert all(map(cache.has, readings))
    assert cache.of(readings) == first
    assert cache.of([reading(member) for member in members]) == [context.parent for context in first]
    assert count.runs == 2


def test_members_behind_share_what_was_read(llm: FrozenLLM, skill: LoadedSkill) -> None:
    count = Counting(llm)
    closed = skill.skill.context(llm)
    members = {who: replace(one, placement="behind") for who, one in learned(llm, 3).items()}
    cache = ContextCache(count, closed, members.get)
    found = cache.of([reading(member, TEXTS[0]) for member in members])
    assert len({context.parent for context in found}) == 1
    assert count.runs == 2  # the passage, and the members behind it
    [whole] = prefill(llm, [templates.passages(llm, TEXTS[:1])], closed)
    asked = templates.question(llm, "Who?")
    for context, prompts in zip(found, members.values(), strict=True):
        [expected] = prefill(llm, [[]], whole, [embeddings(prompts)[0]])
        first, second = decode(llm, [Row(None, asked, 6, context=each) for each in (context, expected)])
        assert first.tokens == second.tokens
        assert first.log_likelihoods == pytest.approx(second.log_likelihoods, abs=1e-4)
    # Those in front read for themselves, those without members share what was read for the ones behind.
    [nobody] = cache.of([reading(MemberId("book"), TEXTS[0])])
    assert nobody is found[0].parent
    assert count.runs == 2
    [alone] = cache.of([reading(next(iter(members)))])
    assert alone.parent is closed


def test_members_that_learned_nothing_share_what_was_read(llm: FrozenLLM, skill: LoadedSkill) -> None:
    closed = skill.skill.context(llm)
    cache = ContextCache(DirectRunner(llm), closed, lambda _: None)
    one, two = MemberId("one"), MemberId("two")
    first, second, nothing = cache.of([reading(one, TEXTS[0]), reading(two, TEXTS[0]), reading(one)])
    assert first is second
    assert nothing is closed


def test_what_takes_too_much_memory_is_read_again(llm: FrozenLLM, skill: LoadedSkill) -> None:
    count = Counting(llm)
    [member] = members = learned(llm, 1)
    cache = ContextCache(count, skill.skill.context(llm), members.get, most_bytes=1)
    for text in (TEXTS[0], TEXTS[1], TEXTS[0]):
        cache.of([reading(member, text)])
    assert count.runs == 6


def test_a_member_counts_as_long_as_a_passage_holds_it(llm: FrozenLLM, skill: LoadedSkill) -> None:
    [first, second] = members = learned(llm, 2)
    closed = skill.skill.context(llm)

    def heard(most_bytes: int) -> tuple[ContextCache, list[weakref.ref[Context]]]:
        """Two members, each with a passage, the contexts of both and those of the passages."""
        cache = ContextCache(DirectRunner(llm), closed, members.get, most_bytes=most_bytes)
        made: list[weakref.ref[Context]] = []
        for member in (first, second):
            [read] = cache.of([reading(member, TEXTS[0])])
            made += [weakref.ref(part) for part in read.chain()[len(closed.chain()) :]]
        return cache, made

    def alive(made: list[weakref.ref[Context]]) -> int:
        gc.collect()
        return sum(part.nbytes for one in made if (part := one()) is not None)

    whole, made = heard(1 << 30)
    most = whole.nbytes
    assert len(made) == 4
    assert most == alive(made)
    # A byte too many: the first member is the oldest, but its passage keeps it where it is.
    bounded, made = heard(most - 1)
    assert bounded.nbytes == alive(made) == most // 2


class Queueing(DirectRunner):
    """Runs one thing at a time, as the scheduler does, and none before two ask for it."""

    def __init__(self, llm: FrozenLLM) -> None:
        super().__init__(llm)
        self._both = threading.Barrier(2)
        self._turn = threading.Lock()

    def run_now(self, work: Callable[[], T]) -> T:
        self._both.wait(timeout=60)
        with self._turn:
            return super().run_now(work)


def test_what_two_ask_for_at_once_is_read_once(llm: FrozenLLM, skill: LoadedSkill) -> None:
    [member] = members = learned(llm, 1)
    cache = ContextCache(Queueing(llm), skill.skill.context(llm), members.get)
    with ThreadPoolExecutor(2) as pool:
        [[first], [second]] = pool.map(lambda _: cache.of([reading(member, TEXTS[0])]), range(2))
    assert first is second
    assert first.parent is second.parent
