from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.answering.per_passage import PerPassage
from app.answering.reader_assignment import assigned
from app.answering.skill import LoadedSkill
from app.answering.types import Candidate, Passage, Question
from app.engine.engine import Engine
from app.engine.local_engine import LocalEngine
from app.engine.records import MemberId, Roster
from app.engine.scheduler import Scheduler
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.members import Members
from trainer.methods.prompt import Prompts

TEXTS = [
    "Mira kept a green lamp in the tower of Ost.",
    "The baker sold butter, and it burned slowly.",
    "The fishermen came home hungry in spring.",
]
WHO = Question("Who?")


class Learned:
    """Random members of every book."""

    def __init__(self, llm: FrozenLLM, count: int) -> None:
        generator = torch.Generator().manual_seed(0)
        size = llm.identity.hidden_size
        self._members = [Prompts(torch.randn(1, 4, size, generator=generator)) for _ in range(count)]

    def roster(self, book: str, version: int) -> Roster:
        return Roster(tuple(members(len(self._members), book)))

    def tensors(self, member: MemberId) -> Members:
        assert member.member is not None
        return self._members[member.member]


def members(count: int, book: str = "book") -> list[MemberId]:
    return [MemberId(book, 1, number) for number in range(count)]


@pytest.fixture
def scheduler(llm: FrozenLLM) -> Iterator[Scheduler]:
    scheduler = Scheduler(llm)
    yield scheduler
    scheduler.close()


@pytest.fixture
def engine(scheduler: Scheduler, skill: LoadedSkill) -> Engine:
    return LocalEngine(scheduler, Learned(scheduler.llm, 4), skill=skill.skill)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Every text means something else."""
    return np.eye(len(texts), dtype=np.float32)


@pytest.fixture
def ensemble(engine: Engine, skill: LoadedSkill) -> PerPassage:
    return PerPassage(engine, skill, embed)


def passage(number: int, book: str = "book") -> Passage:
    return Passage(
        id=number,
        ordinal=number,
        book=book,
        title="T",
        author=None,
        chapter="",
        pages=[],
        start=0,
        end=len(TEXTS[number]),
        text=TEXTS[number],
        score=1.0 - number / 4,
    )


def candidates(
    asked: PerPassage,
    question: str,
    chorus: list[MemberId],
    passages: list[Passage],
    **more: Any,
) -> list[Candidate]:
    """What all have said in the end."""
    *_, found = asked.candidates(Question(question, **more), chorus, passages)
    return found


def test_each_member_reads_a_passage_of_its_own(ensemble: PerPassage) -> None:
    passages = [passage(0), passage(1), passage(2)]
    found = candidates(ensemble, "Who kept a lamp?", members(4), passages)
    assert sorted((one.passage, one.member.member) for one in found) == [(0, 0), (0, 3), (1, 1), (2, 2)]
    assert [one.passage for one in found] == [0, 0, 1, 2]
    assert all(one.text and 0 < one.weight <= 1 for one in found)
    assert all(one.answerable is not None and 0 <= one.answerable <= 1 for one in found)


def test_candidates_come_one_by_one_and_stay_as_they_were(ensemble: PerPassage) -> None:
    growing = list(ensemble.candidates(WHO, members(3), [passage(0), passage(1), passage(2)]))
    assert [len(each) for each in growing] == [1, 2, 3]
    for each in growing:
        assert sum(one.weight for one in each) == pytest.approx(1)
        final = {one.member.member: one.text for one in growing[-1]}
        assert all(final[one.member.member] == one.text for one in each)
        assert [one.member.member for one in each] == sorted(one.member.member or 0 for one in each)


def test_every_member_weighs_every_choice(ensemble: PerPassage) -> None:
    passages = [passage(0), passage(1)]
    choices = ["Mira", "the baker", "a frog"]
    found = candidates(
        ensemble, "Who kept a lamp?", members(2), passages, strategy="choices", choices=choices
    )
    assert [(one.member.member, one.passage, one.text) for one in found] == [
        (member, member, text) for member in (0, 1) for text in ("Mira", "the baker", "a frog")
    ]
    assert sum(one.weight for one in found) == pytest.approx(1)
    for member in (0, 1):
        own = [one for one in found if one.member.member == member]
        assert sorted(own, key=lambda one: one.weight) == sorted(own, key=lambda one: one.log_likelihood)


def test_samples_move_on_to_the_next_passage(ensemble: PerPassage) -> None:
    passages = [passage(0), passage(1), passage(2)]
    found = candidates(ensemble, "Who?", members(2), passages, samples=2, temperature=1.0, seed=3)
    assert [(one.member.member, one.sample, one.passage) for one in found] == [
        (0, 0, 0),
        (0, 1, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 2),
        (0, 0, 2),
    ]


def test_members_read_their_own_book(ensemble: PerPassage) -> None:
    passages = [passage(0, "one"), passage(1, "two"), passage(2, "two")]
    found = candidates(ensemble, "Who?", [*members(2, "one"), *members(2, "two")], passages)
    assert [(one.member.book, one.passage) for one in found] == [
        ("one", 0),
        ("one", 0),
        ("two", 1),
        ("two", 2),
    ]


def test_a_book_that_nobody_learned_is_read_by_members_as_they_start(
    scheduler: Scheduler, skill: LoadedSkill, ensemble: PerPassage
) -> None:
    assert ensemble.unlearned("book") == [MemberId("book")] * 8
    starts = torch.randn(3, 4, scheduler.llm.identity.hidden_size)
    knowing = PerPassage(LocalEngine(scheduler, skill=replace(skill.skill, starts=starts)), skill, embed)
    found = candidates(knowing, "Who?", knowing.unlearned("book"), [passage(0)])
    assert [(one.member.version, one.member.member, one.passage) for one in found] == [
        (None, n, 0) for n in range(3)
    ]


@pytest.mark.parametrize(
    ("members", "ranked", "found"),
    [
        (4, [3, 0, 1, 2], [(3, 0), (0, 1), (1, 2), (2, 3)]),
        (2, [5, 1, 0], [(1, 0), (1, 1), (0, 2)]),
        (4, [6, 2, 11], [(2, 0), (2, 1), (3, 2), (0, 0)]),
        (3, [7], [(1, 0), (0, 0), (2, 0)]),
        (2, [], [(0, 0), (1, 0)]),
    ],
)
def test_a_passage_has_the_same_reader_for_every_question(
    members: int, ranked: list[int], found: list[tuple[int, int]]
) -> None:
    assert assigned(members, ranked) == found


def test_without_a_passage_members_answer_all_the_same(ensemble: PerPassage) -> None:
    [found] = candidates(ensemble, "Who?", members(1), [])
    assert found.passage is None
    assert found.text


def test_what_was_forgotten_is_read_again(scheduler: Scheduler, skill: LoadedSkill) -> None:
    learned = Learned(scheduler.llm, 4)
    roomy, tight = (
        PerPassage(LocalEngine(scheduler, learned, skill=skill.skill, most_bytes=size), skill, embed)
        for size in (1 << 30, 1)
    )
    passages = [passage(0), passage(1), passage(2)]
    for _ in range(2):
        first = candidates(roomy, "Who?", members(3), passages)
        second = candidates(tight, "Who?", members(3), passages)
        assert [one.text for one in first] == [one.text for one in second]
        assert [one.weight for one in first] == pytest.approx([one.weight for one in second])


def test_another_question_in_the_batch_changes_nothing(ensemble: PerPassage) -> None:
    passages = [passage(0), passage(1)]
    alone = candidates(ensemble, "Who kept a lamp?", members(1), passages)
    among = candidates(ensemble, "Who kept a lamp?", members(2), passages)
    assert alone[0].text == among[0].text
    assert alone[0].log_likelihood == pytest.approx(among[0].log_likelihood, abs=1e-4)


def test_those_that_cannot_change_the_answer_are_spared(scheduler: Scheduler, skill: LoadedSkill) -> None:
    """With passages that fit much less than the best, the first wave decides."""
    far = [passage(0), *(replace(passage(number), score=0.01) for number in (1, 2))]
    near = [replace(passage(number), score=0.9) for number in range(3)]
    sharp = replace(skill, weighting=skill.weighting.model_copy(update={"retrieval": 9.0}))
    learned = Learned(scheduler.llm, 4)
    spared, whole = (
        PerPassage(LocalEngine(scheduler, learned, skill=skill.skill), sharp, embed, waves=waves)
        for waves in ([1], [])
    )
    chorus = members(3)
    [first] = candidates(spared, "Who?", chorus, far)
    everyone = candidates(whole, "Who?", chorus, far)
    assert first.passage == 0
    assert len(everyone) == len(candidates(spared, "Who?", chorus, far, adaptive=False)) == 3
    assert spared.decide(WHO, [first], far).answer == whole.decide(WHO, everyone, far).answer
    assert len(candidates(spared, "Who?", chorus, near)) == 3
    # By now all has been read, and nothing is spared by leaving it out.
    assert len(candidates(spared, "Who?", chorus, far)) == 3


def test_a_mixture_speaks_with_one_voice(ensemble: PerPassage) -> None:
    passages = [passage(0), passage(1), passage(2)]
    mixed = candidates(ensemble, "Who kept a lamp?", members(3), passages, strategy="mixture")
    assert [one.member.member for one in mixed] == [0, 1, 2]
    assert len({one.text for one in mixed}) == 1
    verdict = ensemble.decide(Question("Who?", strategy="mixture"), mixed, passages)
    assert (verdict.answer, verdict.calibrated) == (mixed[0].text, False)
