import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.citations import supporting_sentence
from app.answering.normalisation import normalised

PASSAGE = (
    "Mira kept a green lamp in the tower of Ost. Every night at nine she lit it. "
    "The baker sold butter in the harbour, and the green lamp burned butter."
)


@pytest.mark.parametrize(
    ("answer", "question", "found"),
    [
        ("Mira.", "Who kept a lamp?", "Mira kept a green lamp in the tower of Ost."),
        ("at nine", "When?", "Every night at nine she lit it."),
        (
            "the Green Lamp",
            "What burned?",
            "The baker sold butter in the harbour, and the green lamp burned butter.",
        ),
        ("the green lamp", "What was in the tower?", "Mira kept a green lamp in the tower of Ost."),
        ("seven copper kettles", "How many?", None),
        ("butt", "What burned?", None),
        ("", "Who?", None),
    ],
)
def test_the_sentence_that_says_the_answer(answer: str, question: str, found: str | None) -> None:
    span = supporting_sentence(PASSAGE, answer, question)
    assert (None if span is None else PASSAGE[slice(*span)]) == found


def test_writing_without_spaces() -> None:
    passage = "很久以前有一位老人。他住在山上的小屋里。"
    span = supporting_sentence(passage, "山上的小屋", "他住在哪里?")
    assert span is not None
    assert passage[slice(*span)] == "他住在山上的小屋里。"


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_a_span_is_inside_and_says_half_of_the_answer(passage: str, answer: str, question: str) -> None:
    span = supporting_sentence(passage, answer, question)
    if span is None:
        return
    start, end = span
    assert 0 <= start < end <= len(passage)
    said, wanted = normalised(passage[start:end]), normalised(answer)
    assert wanted in said or len(set(wanted.split()) & set(said.split())) * 2 >= len(set(wanted.split()))
