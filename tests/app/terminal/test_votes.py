"""The votes of an answer: who said what, in which of the passages beneath it was read, and what it weighs."""

import math

import pytest

from app.schemas import Answer, Candidate, Powers, Span, Vote
from app.terminal.answers import answer_panel
from tests.app.client.examples import answer
from tests.app.terminal.rendering import line_with, shown

SAID = Span(start=1080, end=1098, text="A tiger was caught in a trap.")


def candidate(
    member: int | None,
    passage: int | None,
    answerable: float | None = None,
    sure: float = 0.6,
    **more: object,
) -> Candidate:
    """One that weighs the less the higher the passage's id is; the probability of each word is `sure`."""
    one = answer().votes[0].candidates[0]
    told = {"member": member, "passage": passage, "answerable": answerable, "weight": 1 / (passage or 1)}
    return one.model_copy(update={**told, "log_likelihood": math.log(sure), **more})


def voted(**votes: list[Candidate]) -> Answer:
    """An answer with these votes, from passages 11 to 18, of which 13 says the answer and comes first.

    The scores fall from .8 by .1 with each id, so that 15 fits half as well as the best.
    """
    [cited] = answer().citations
    scores = {passage: 0.8 - 0.1 * (passage - 11) for passage in range(11, 19)}
    citations = [cited.model_copy(update={"passage": each, "score": score}) for each, score in scores.items()]
    citations.insert(0, citations.pop(2).model_copy(update={"support": SAID}))
    shares = [Vote(answer=said, share=1 / len(votes), candidates=of) for said, of in votes.items()]
    return answer().model_copy(update={"votes": shares, "citations": citations})


def cells(text: str, words: str) -> list[str]:
    return line_with(text, words).strip("│ ").split()


def explained(found: Answer) -> str:
    """All that is said at 80 columns, in one line."""
    return " ".join(shown(answer_panel(found), 80).replace("│", "").split())


@pytest.mark.parametrize("width", [80, 110])
def test_each_vote_names_the_passages_it_was_read_in_as_they_are_numbered_beneath(width: int) -> None:
    found = voted(
        Schwartz=[candidate(7, 13, 0.412)], brother=[candidate(0, 14, 0.004), candidate(5, 11, 0.03)]
    )
    text = shown(answer_panel(found), width)
    assert cells(text, "votes") == ["votes", "share", *["member", "passage", "fits", "tells", "it", "sure"]]
    first = cells(text, "Schwartz")
    assert (first[0], first[-5:]) == ("50%", ["8", "1", "75%", "41%", "60%"])
    # What weighs more comes first.
    assert cells(text, "brother")[-5:] == ["6", "2", "100%", "3%", "60%"]
    after = text.splitlines()[text.splitlines().index(line_with(text, "brother")) + 1]
    assert after.strip("│ ").split() == ["1", "4", "62%", "0%", "60%"]
    assert cells(text, "id 13")[:4] == ["read", "in", "1", "The"]
    for number, passage in ((2, 11), (3, 12), (4, 14), (8, 18)):
        assert cells(text, f"id {passage}")[0] == str(number)


def test_what_makes_a_share_stands_beside_each_reading() -> None:
    # The reading that is held to tell the most has the smallest share: its passage fits badly.
    found = voted(
        tiger=[candidate(2, 11, 0.74, 0.95, weight=0.47)],
        jackal=[candidate(4, 15, 0.81, 0.9, weight=0.04)],
        bear=[candidate(5, 12, 0.7, 0.2, weight=0.03), candidate(6, 12, 0.6, 0.4, weight=0.02)],
    )
    text = shown(answer_panel(found), 80)
    assert cells(text, "tiger ")[-5:] == ["3", "2", "100%", "74%", "95%"]
    assert cells(text, "jackal")[-4:] == ["5", "50%", "81%", "90%"]
    # Two members that read one passage: what each is held to tell, and how sure each is, on average.
    assert cells(text, "bear")[-6:] == ["6,", "7", "3", "88%", "65%", "30%"]
    told = explained(found)
    assert "A reading's weight: fits x tells it x sure (ask --help)." in told
    assert "Right:" not in told
    judged = explained(voted(tiger=[candidate(2, 11, 0.74, right=0.35)]))
    assert "weight: fits x tells it x sure x right (ask" in judged
    assert "35%" in judged


def test_the_powers_of_a_share_are_told_where_the_answer_has_them() -> None:
    powers = Powers(retrieval=1.7, answerable=1.77, log_likelihood=1.45, right=0)
    found = voted(tiger=[candidate(2, 11, 0.74)]).model_copy(update={"powers": powers})
    assert "A reading's weight: fits^1.70 x tells it^1.77 x sure^1.45 (ask --help)." in explained(found)


def test_without_a_passage_that_fits_nothing_is_said_of_fits() -> None:
    alone = voted(tiger=[candidate(None, None)]).model_copy(update={"citations": []})
    told = explained(alone)
    assert "A reading's weight: sure (ask --help)." in told
    assert "fits" not in told.lower()
    none = voted(tiger=[candidate(1, 11)])
    nowhere = [each.model_copy(update={"score": 0.0}) for each in none.citations]
    assert "fits" not in explained(none.model_copy(update={"citations": nowhere}))


def test_choices_share_what_their_passages_weigh() -> None:
    read = ((0, 11), (5, 12))
    chosen = {
        said: [candidate(member, passage, 0.5, sure, text=said) for member, passage in read]
        for said, sure in (("tiger", 0.6), ("jackal", 0.2))
    }
    found = voted(**chosen).model_copy(update={"calibrated": False})
    assert "the choices share" not in explained(found)
    told = explained(found.model_copy(update={"strategy": "choices"}))
    assert "weight: fits x tells it; the choices share that by how sure" in told


def test_it_is_said_what_a_share_is_and_what_the_confidence_is() -> None:
    told = explained(voted(one=[candidate(7, 13, 0.4), candidate(7, 12, 0.1)]))
    assert "Share: of all weight." in told
    assert "The confidence is another thing: how probably the answer is right." in told
    assert "a member may read two, another none" in told
    assert "The answer was settled without passages 2, 4, 5, 6, 7, 8." in told
    whole = explained(voted(one=[candidate(number, 11 + number) for number in range(8)]))
    for words in ("may read two", "settled without", "ells it"):
        assert words not in whole
    agreed = voted(one=[candidate(number, 11 + number) for number in range(7)])
    told = explained(agreed.model_copy(update={"calibrated": False}))
    assert "The confidence" not in told
    assert "settled without passage 8." in told


def test_a_member_that_said_it_twice_is_named_once() -> None:
    twice = [candidate(2, 11), candidate(2, 11).model_copy(update={"sample": 1})]
    assert cells(shown(answer_panel(voted(jackal=twice))), "jackal")[-5:] == ["3", "(x2)", "2", "100%", "60%"]
    # Where the names take too much room, they are counted.
    three = [candidate(each, 11, sample=sample) for each in (1, 2, 3) for sample in (0, 1)]
    assert cells(shown(answer_panel(voted(jackal=three))), "jackal")[-6:-2] == ["3", "of", "them", "2"]


@pytest.mark.parametrize("width", [80, 110])
def test_many_readings_are_few_lines(width: int) -> None:
    # As with choices: each of eight members has a candidate for each of four, of each sample in a passage.
    readers = [candidate(number, 11 + number, 0.1) for number in range(8)]
    text = shown(answer_panel(voted(a1=readers, b2=readers, c3=readers), passages=False), width)
    assert "(read in 6" in text
    assert len(text.splitlines()) < 32
    samples = [candidate(number, 13, 0.1) for number in range(8)]
    assert cells(shown(answer_panel(voted(a1=samples)), width), "a1")[-7:-2] == [
        "8",
        "of",
        "them",
        "1",
        "75%",
    ]


def test_members_of_several_versions_are_told_apart() -> None:
    one = candidate(2, 11, 0.5)
    text = shown(answer_panel(voted(jackal=[one, one.model_copy(update={"version": 2, "book": "b2"})])), 80)
    assert cells(text, "jackal") == ["100%", "jackal"]
    assert cells(text, "The Tiger v1") == ["The", "Tiger", "v1", "3", "2", "100%", "50%", "60%"]
    assert cells(text, "b2 v2") == ["b2", "v2", "3", "2", "100%", "50%", "60%"]


def test_a_passage_that_is_not_listed_is_named_by_its_id() -> None:
    text = shown(answer_panel(voted(jackal=[candidate(None, 99)])))
    assert cells(text, "jackal")[-5:] == ["bare", "LLM", "id", "99", "60%"]


def test_a_long_answer_in_chinese_keeps_its_columns() -> None:
    # Each character takes two columns of the terminal.
    said = "孙悟空在花果山上遇见了猪八戒和沙和尚"
    text = shown(answer_panel(voted(**{said: [candidate(2, 11, 0.5), candidate(3, 12, 0.4)]})), 80)
    [first, second] = [line for line in text.splitlines() if "60%" in line]
    assert first.strip("│ ").split()[-5:] == ["3", "2", "100%", "50%", "60%"]
    assert second.strip("│ ").split()[-5:] == ["4", "3", "88%", "40%", "60%"]
    # No character is lost.
    assert said in "".join(cells(text, said[:4])[1:2] + second.strip("│ ").split()[:1])
