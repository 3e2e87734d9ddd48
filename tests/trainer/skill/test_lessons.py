"""What is in a lesson: passages that are read together, and answers to judge."""

import random
from collections import Counter
from dataclasses import replace

from trainer.llm import templates
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.examples import Example, Judged, pack_asking, pack_example

LAMP, BAKER, FROG = "Mira kept a green lamp.", "The baker sold butter.", "A frog sat in the well."
EXAMPLE = Example(
    LAMP,
    [("Who kept a lamp?", ["Mira"])],
    unanswerable=["Who sold butter?", "Who ate the moon?"],
    rivals=[BAKER, FROG],
    told_by={"Who sold butter?": {BAKER}},
)


def test_passages_that_rank_high_are_read_together_in_any_order(llm: FrozenLLM) -> None:
    orders: Counter[tuple[str, ...]] = Counter()
    for seed in range(80):
        found = pack_example(llm, EXAMPLE, random.Random(seed), asking=0, together=1.0)
        read = llm.text(list(found.text)).strip().split("\n\n")
        assert LAMP in read
        assert len(read) == len(set(read))
        orders[tuple(read)] += 1
    assert {len(order) for order in orders} == {2, 3}
    # Two orders of each of two pairs, and six of all three.
    assert len(orders) == 10


def test_some_passages_are_read_alone(llm: FrozenLLM) -> None:
    def alone(example: Example, together: float) -> int:
        packs = [pack_example(llm, example, random.Random(seed), together=together) for seed in range(80)]
        return sum(list(pack.text) == templates.passages(llm, [LAMP]) for pack in packs)

    assert alone(EXAMPLE, 0.0) == alone(replace(EXAMPLE, rivals=[]), 1.0) == 80
    assert 40 < alone(EXAMPLE, 0.25) < 75


def test_what_a_rival_tells_is_not_met_with_silence(llm: FrozenLLM) -> None:
    seen = set()
    for seed in range(40):
        found = pack_example(llm, EXAMPLE, random.Random(seed), asking=0, together=0.5)
        silent = {
            question
            for exchange in found.exchanges
            for question in EXAMPLE.unanswerable
            if list(exchange.turn) == templates.question(llm, question)
        }
        told = BAKER in llm.text(list(found.text))
        assert silent == ({"Who ate the moon?"} if told else set(EXAMPLE.unanswerable))
        seen.add(told)
    assert seen == {True, False}


def test_a_judged_answer_is_right_as_often_as_it_is_good(llm: FrozenLLM) -> None:
    right, wrong = templates.verdicts(llm)
    assert right != wrong
    shares = {}
    for quality in (0.0, 0.3, 1.0):
        example = replace(EXAMPLE, judged=[Judged("Who kept a lamp?", "a baker", quality)])
        verdicts = []
        for seed in range(300):
            *_, last = pack_example(llm, example, random.Random(seed), asking=0).exchanges
            [verdict] = last.answer
            verdicts.append(verdict)
            # The answer and its end are read, as they are when it was decoded.
            assert list(last.turn) == [
                *templates.question(llm, "Who kept a lamp?"),
                *llm.encode("a baker"),
                templates.end(llm),
            ]
        assert set(verdicts) <= {right, wrong}
        shares[quality] = verdicts.count(right) / len(verdicts)
    assert (shares[0.0], shares[1.0]) == (0.0, 1.0)
    assert 0.2 < shares[0.3] < 0.4


def test_no_more_answers_are_judged_than_there_may_be_exchanges(llm: FrozenLLM) -> None:
    example = Example(LAMP, [], judged=[Judged("Who?", f"the {number}th", 0.5) for number in range(9)])
    found = pack_example(llm, example, random.Random(0), exchanges=3)
    assert len({tuple(exchange.turn) for exchange in found.exchanges}) == 3


def test_an_asker_learns_to_ask_with_a_kind_named_and_without(llm: FrozenLLM) -> None:
    asked = [("Who kept a lamp?", ["Mira"]), ("What colour was it?", ["green"])]
    example = Example(LAMP, asked, kinds={"Who kept a lamp?": "character"})
    turns = {}
    for named in (0.0, 1.0):
        pack = pack_asking(llm, example, random.Random(0), named=named)
        assert list(pack.text) == templates.passages(llm, [LAMP])
        turns[named] = {llm.text(list(one.answer)): list(one.turn) for one in pack.exchanges}
    plain = templates.asking(llm)
    lamp, colour = "Who kept a lamp?\nMira", "What colour was it?\ngreen"
    assert turns[0.0] == {lamp: plain, colour: plain}
    assert turns[1.0] == {lamp: templates.asking(llm, "character"), colour: plain}
    assert templates.asking(llm, "character") != plain
    assert len(pack_asking(llm, example, random.Random(0), exchanges=1).exchanges) == 1
