"""The votes of an answer: who said what, and in which of the passages beneath it was read."""

import pytest

from app.schemas import Answer, Candidate, Span, Vote
from app.terminal.answers import answer_panel
from tests.app.client.examples import answer
from tests.app.terminal.rendering import line_with, shown

SAID = Span(start=1080, end=1098, text="A tiger was caught in a trap.")


def candidate(member: int | None, passage: int, answerable: float | None = None) -> Candidate:
    """One that weighs the less the higher the passage's id is."""
    one = answer().votes[0].candidates[0]
    told = {"member": member, "passage": passage, "answerable": answerable, "weight": 1 / passage}
    return one.model_copy(update=told)


def voted(**votes: list[Candidate]) -> Answer:
    """An answer with these votes, from passages 11 to 18, of which 13 says the answer."""
    [cited] = answer().citations
    citations = [cited.model_copy(update={"passage": passage}) for passage in range(11, 19)]
    citations[2] = citations[2].model_copy(update={"support": SAID})
    shares = [Vote(answer=said, share=1 / len(votes), candidates=of) for said, of in votes.items()]
    return answer().model_copy(update={"votes": shares, "citations": citations})


def cells(text: str, words: str) -> list[str]:
    return line_with(text, words).strip("│ ").split()


@pytest.mark.parametrize("width", [80, 110])
def test_each_vote_names_the_passages_it_was_read_in_as_they_are_numbered_beneath(width: int) -> None:
    # The passage that says the answer comes first: 13 is number 1, so that 11 is 2 and 14 is 4.
    found = voted(
        Schwartz=[candidate(7, 13, 0.412)], brother=[candidate(0, 14, 0.004), candidate(5, 11, 0.03)]
    )
    text = shown(answer_panel(found), width)
    assert cells(text, "votes") == ["votes", "share", "member", "passage", "tells", "it"]
    first = cells(text, "Schwartz")
    assert (first[0], first[-3:]) == ("50%", ["8", "1", "41%"])
    # What weighs more comes first.
    assert cells(text, "brother")[-3:] == ["6", "2", "3%"]
    after = text.splitlines()[text.splitlines().index(line_with(text, "brother")) + 1]
    assert after.strip("│ ").split() == ["1", "4", "0%"]
    assert cells(text, "id 13")[:4] == ["read", "in", "1", "The"]
    for number, passage in ((2, 11), (3, 12), (4, 14), (8, 18)):
        assert cells(text, f"id {passage}")[0] == str(number)


def test_it_is_said_what_a_share_is_and_what_the_confidence_is() -> None:
    def said(found: Answer) -> str:
        return " ".join(shown(answer_panel(found), 80).replace("│", "").split())

    told = said(voted(one=[candidate(7, 13, 0.4), candidate(7, 12, 0.1)]))
    assert "Share: of the weight of these answers." in told
    assert "The confidence is another thing: how probable it is that the answer is right." in told
    assert "a member may read two, another none" in told
    assert "The answer was settled without passages 2, 4, 5, 6, 7, 8." in told
    whole = said(voted(one=[candidate(number, 11 + number) for number in range(8)]))
    for words in ("may read two", "settled without", "ells it"):
        assert words not in whole
    agreed = voted(one=[candidate(number, 11 + number) for number in range(7)])
    told = said(agreed.model_copy(update={"calibrated": False}))
    assert "The confidence" not in told
    assert "settled without passage 8." in told


def test_a_member_that_said_it_twice_is_named_once() -> None:
    twice = [candidate(2, 11), candidate(2, 11).model_copy(update={"sample": 1})]
    assert cells(shown(answer_panel(voted(jackal=twice))), "jackal")[-3:] == ["3", "(x2)", "2"]


@pytest.mark.parametrize("width", [80, 110])
def test_many_readings_are_few_lines(width: int) -> None:
    # As with choices: each of eight members has a candidate for each of four, of each sample in a passage.
    readers = [candidate(number, 11 + number, 0.1) for number in range(8)]
    text = shown(answer_panel(voted(a1=readers, b2=readers, c3=readers), passages=False), width)
    assert "read in 6 more" in " ".join(text.replace("│", "").split())
    assert len(text.splitlines()) < 32
    samples = [candidate(number, 13, 0.1) for number in range(8)]
    assert cells(shown(answer_panel(voted(a1=samples)), width), "a1")[-5:] == ["8", "of", "them", "1", "10%"]


def test_members_of_several_versions_are_told_apart() -> None:
    one = candidate(2, 11)
    text = shown(answer_panel(voted(jackal=[one, one.model_copy(update={"version": 2, "book": "b2"})])), 80)
    assert cells(text, "The Tiger v1")[-5:] == ["The", "Tiger", "v1", "3", "2"]
    assert cells(text, "b2 v2") == ["b2", "v2", "3", "2"]


def test_a_passage_that_is_not_listed_is_named_by_its_id() -> None:
    assert cells(shown(answer_panel(voted(jackal=[candidate(None, 99)]))), "jackal")[-4:] == [
        "bare",
        "LLM",
        "id",
        "99",
    ]
