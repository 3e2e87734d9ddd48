from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.answering.per_passage import Ensemble
from app.answering.readers import places
from app.answering.skill import LoadedSkill
from app.engine.engine import Engine
from app.engine.member_cache import Voice
from app.schemas import AskRequest, Candidate, Citation
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.prompt import Prompts

TEXTS = [
    "Mira kept a green lamp in the tower of Ost.",
    "The baker sold butter, and it burned slowly.",
    "The fishermen came home hungry in spring.",
]
WHO = AskRequest(question="Who?")


@pytest.fixture
def engine(llm: FrozenLLM) -> Iterator[Engine]:
    engine = Engine(llm)
    yield engine
    engine.close()


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Every text means something else."""
    return np.eye(len(texts), dtype=np.float32)


@pytest.fixture
def ensemble(engine: Engine, skill: LoadedSkill) -> Ensemble:
    return Ensemble(engine, skill, embed)


def quote(number: int, book: str = "book") -> Citation:
    return Citation(
        passage=number,
        book=book,
        title="T",
        author=None,
        chapter="",
        start=0,
        end=len(TEXTS[number]),
        text=TEXTS[number],
        score=1.0 - number / 4,
    )


def voices(llm: FrozenLLM, count: int, book: str = "book") -> list[Voice]:
    generator = torch.Generator().manual_seed(0)
    size = llm.identity.hidden_size
    return [
        Voice(book, 1, member, Prompts(torch.randn(1, 4, size, generator=generator)))
        for member in range(count)
    ]


def candidates(
    ensemble: Ensemble,
    question: str,
    chorus: list[Voice],
    quotes: list[Citation],
    seed: int = 0,
    **more: Any,
) -> list[Candidate]:
    """What all have said in the end."""
    *_, found = ensemble.candidates(AskRequest(question=question, **more), chorus, quotes, seed=seed)
    return found


def test_each_member_reads_a_passage_of_its_own(llm: FrozenLLM, ensemble: Ensemble) -> None:
    quotes = [quote(0), quote(1), quote(2)]
    found = candidates(ensemble, "Who kept a lamp?", voices(llm, 4), quotes)
    assert sorted((one.passage, one.member) for one in found) == [(0, 0), (0, 3), (1, 1), (2, 2)]
    assert [one.passage for one in found] == [0, 0, 1, 2]
    assert all(one.text and 0 < one.weight <= 1 for one in found)
    assert all(one.answerable is not None and 0 <= one.answerable <= 1 for one in found)


def test_candidates_come_one_by_one_and_stay_as_they_were(llm: FrozenLLM, ensemble: Ensemble) -> None:
    growing = list(ensemble.candidates(WHO, voices(llm, 3), [quote(0), quote(1), quote(2)]))
    assert [len(each) for each in growing] == [1, 2, 3]
    for each in growing:
        assert sum(one.weight for one in each) == pytest.approx(1)
        final = {one.member: one.text for one in growing[-1]}
        assert all(final[one.member] == one.text for one in each)
        assert [one.member for one in each] == sorted(one.member or 0 for one in each)


def test_every_member_weighs_every_choice(llm: FrozenLLM, ensemble: Ensemble) -> None:
    quotes = [quote(0), quote(1)]
    choices = ["Mira", "the baker", "a frog"]
    found = candidates(ensemble, "Who kept a lamp?", voices(llm, 2), quotes, choices=choices)
    assert [(one.member, one.passage, one.text) for one in found] == [
        (member, member, text) for member in (0, 1) for text in ("Mira", "the baker", "a frog")
    ]
    assert sum(one.weight for one in found) == pytest.approx(1)
    for member in (0, 1):
        own = [one for one in found if one.member == member]
        assert sorted(own, key=lambda one: one.weight) == sorted(own, key=lambda one: one.log_likelihood)


def test_samples_move_on_to_the_next_passage(llm: FrozenLLM, ensemble: Ensemble) -> None:
    quotes = [quote(0), quote(1), quote(2)]
    found = candidates(ensemble, "Who?", voices(llm, 2), quotes, samples=2, temperature=1.0, seed=3)
    assert [(one.member, one.sample, one.passage) for one in found] == [
        (0, 0, 0),
        (0, 1, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 2),
        (0, 0, 2),
    ]


def test_members_read_their_own_book(llm: FrozenLLM, ensemble: Ensemble) -> None:
    quotes = [quote(0, "one"), quote(1, "two"), quote(2, "two")]
    found = candidates(ensemble, "Who?", [*voices(llm, 2, "one"), *voices(llm, 2, "two")], quotes)
    assert [(one.book, one.passage) for one in found] == [("one", 0), ("one", 0), ("two", 1), ("two", 2)]


def test_a_book_that_nobody_learned_is_read_by_members_as_they_start(
    engine: Engine, llm: FrozenLLM, skill: LoadedSkill, ensemble: Ensemble
) -> None:
    assert all(voice.learned is None for voice in ensemble.unlearned("book"))
    starts = torch.randn(3, 4, llm.identity.hidden_size)
    knowing = Ensemble(engine, replace(skill, skill=replace(skill.skill, starts=starts)), embed)
    found = candidates(knowing, "Who?", knowing.unlearned("book"), [quote(0)])
    assert [(one.version, one.member, one.passage) for one in found] == [(None, n, 0) for n in range(3)]


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
    assert places(members, ranked) == found


def test_without_a_passage_members_answer_all_the_same(llm: FrozenLLM, ensemble: Ensemble) -> None:
    [found] = candidates(ensemble, "Who?", voices(llm, 1), [])
    assert found.passage is None
    assert found.text


def test_what_was_forgotten_is_read_again(engine: Engine, llm: FrozenLLM, skill: LoadedSkill) -> None:
    roomy, tight = Ensemble(engine, skill, embed), Ensemble(engine, skill, embed, most_bytes=1)
    quotes = [quote(0), quote(1), quote(2)]
    for _ in range(2):
        first = candidates(roomy, "Who?", voices(llm, 3), quotes)
        second = candidates(tight, "Who?", voices(llm, 3), quotes)
        assert [one.text for one in first] == [one.text for one in second]
        assert [one.weight for one in first] == pytest.approx([one.weight for one in second])


def test_another_question_in_the_batch_changes_nothing(llm: FrozenLLM, ensemble: Ensemble) -> None:
    quotes = [quote(0), quote(1)]
    alone = candidates(ensemble, "Who kept a lamp?", voices(llm, 1), quotes)
    among = candidates(ensemble, "Who kept a lamp?", voices(llm, 2), quotes)
    assert alone[0].text == among[0].text
    assert alone[0].log_likelihood == pytest.approx(among[0].log_likelihood, abs=1e-4)


def test_those_that_cannot_change_the_answer_are_spared(
    engine: Engine, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    """With passages that fit much less than the best, the first wave decides."""
    far = [quote(0), *(quote(number).model_copy(update={"score": 0.01}) for number in (1, 2))]
    near = [quote(number).model_copy(update={"score": 0.9}) for number in range(3)]
    sharp = replace(skill, weighting=skill.weighting.model_copy(update={"retrieval": 9.0}))
    spared, whole = Ensemble(engine, sharp, embed, waves=[1]), Ensemble(engine, sharp, embed)
    chorus = voices(llm, 3)
    [first] = candidates(spared, "Who?", chorus, far)
    everyone = candidates(whole, "Who?", chorus, far)
    assert first.passage == 0
    assert len(everyone) == len(candidates(spared, "Who?", chorus, far, adaptive=False)) == 3
    request = AskRequest(question="Who?")
    assert spared.decide(request, [first], far).answer == whole.decide(request, everyone, far).answer
    assert len(candidates(spared, "Who?", chorus, near)) == 3
    # By now all has been read, and nothing is spared by leaving it out.
    assert len(candidates(spared, "Who?", chorus, far)) == 3


def test_a_mixture_speaks_with_one_voice(llm: FrozenLLM, ensemble: Ensemble) -> None:
    quotes = [quote(0), quote(1), quote(2)]
    mixed = candidates(ensemble, "Who kept a lamp?", voices(llm, 3), quotes, strategy="mixture")
    assert [one.member for one in mixed] == [0, 1, 2]
    assert len({one.text for one in mixed}) == 1
    verdict = ensemble.decide(AskRequest(question="Who?", strategy="mixture"), mixed, quotes)
    assert (verdict.answer, verdict.calibrated) == (mixed[0].text, False)
