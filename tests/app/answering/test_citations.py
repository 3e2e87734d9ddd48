# ruff: noqa: RUF001 - sentences of many languages
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.citations import cited, supporting_sentence
from app.answering.normalisation import normalised
from app.answering.types import Candidate, Passage, Span, Verdict, Vote
from app.engine.records import MemberId

PASSAGE = (
    "Mira kept a green lamp in the tower of Ost. Every night at nine she lit it. "
    "The baker sold butter in the harbour, and the green lamp burned butter."
)


def read(text: str, language: str | None = None) -> Passage:
    """A passage that begins at character 1,000 of its book."""
    return Passage(
        id=1,
        ordinal=0,
        book="book_1",
        title="",
        author=None,
        chapter="",
        pages=[],
        start=1000,
        end=1000 + len(text),
        text=text,
        score=1.0,
        language=language,
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


@pytest.mark.parametrize(
    ("passage", "answer", "question", "found"),
    [
        # Rare words of the question say more than those which all sentences have.
        (
            "The old man had a lamp. The old man sold the lamp when a sailor came. The old man slept.",
            "the lamp",
            "What did the old man give to the sailors?",
            "The old man sold the lamp when a sailor came.",
        ),
        # Whom a sentence is about may stand in the one before.
        (
            "The lamp stood on the shelf. Then Mira came home. She lit the lamp. It burned all night.",
            "the lamp",
            "What did Mira take care of?",
            "She lit the lamp.",
        ),
        # And behind it.
        (
            "Ost had butter. They found butter in the cave. That was what the bear had hidden.",
            "butter",
            "What had the bear hidden?",
            "They found butter in the cave.",
        ),
        # Its own words count for more than those of its neighbours.
        (
            "The bear slept. There was butter. The bear found butter in spring.",
            "butter",
            "What did the bear find?",
            "The bear found butter in spring.",
        ),
        # In German, by the stems of German.
        (
            "Ein Haus war alt. Im Haus lebte niemand. Die Kinder bauten ein Haus aus Holz.",
            "Haus",
            "Was hat das Kind gebaut?",
            "Die Kinder bauten ein Haus aus Holz.",
        ),
        ("The lamp. The lamp.", "the lamp", "What?", "The lamp."),
    ],
)
def test_of_sentences_that_say_the_answer_the_one_that_the_question_is_about(
    passage: str, answer: str, question: str, found: str
) -> None:
    span = supporting_sentence(passage, answer, question, "de" if "Haus" in passage else "en")
    assert span is not None
    assert passage[slice(*span)] == found
    assert span[0] == passage.index(found)


def test_writing_without_spaces() -> None:
    passage = "很久以前有一位老人。他住在山上的小屋里。"
    span = supporting_sentence(passage, "山上的小屋", "他住在哪里?")
    assert span is not None
    assert passage[slice(*span)] == "他住在山上的小屋里。"


@pytest.mark.parametrize(
    ("language", "text", "answer", "sentence"),
    [
        (
            "es",
            "Llovía. Vino la Dra. Gómez de Madrid. Nadie habló.",
            "Gómez",
            "Vino la Dra. Gómez de Madrid.",
        ),
        ("am", "እሱ ወደ ቤት ሄደ። ከዚያም በጋራ ተኛ። ዝናብ ነበር።", "በጋራ", "ከዚያም በጋራ ተኛ።"),
        (None, "እሱ ወደ ቤት ሄደ። ከዚያም በጋራ ተኛ። ዝናብ ነበር።", "በጋራ", "ከዚያም በጋራ ተኛ።"),
        ("el", "Έβρεχε. Πού ήταν ο κ. Παππάς; Στο σπίτι.", "Παππάς", "Πού ήταν ο κ. Παππάς;"),
        (
            "uk",
            "Дощило. Він жив на вул. Шевченка в Києві. Усі спали.",
            "Шевченка",
            "Він жив на вул. Шевченка в Києві.",
        ),
        ("my", "သူသည်အိမ်သို့သွားသည်။ထို့နောက်အိပ်သည်။", "ထို့နောက်", "ထို့နောက်အိပ်သည်။"),
        ("hi", "मीना गई। डॉ. शर्मा ने किताब पढ़ी। फिर गए।", "किताब", "डॉ. शर्मा ने किताब पढ़ी।"),
    ],
)
def test_the_sentence_ends_as_its_language_has_it(
    language: str | None, text: str, answer: str, sentence: str
) -> None:
    passage = read(text, language)
    place = passage.start + text.index(sentence)
    [citation] = cited([passage], Verdict([], answer, 1.0), "?")
    assert citation.support == Span(place, place + len(sentence), sentence)


def test_the_passages_that_the_answer_was_read_in_come_first_and_then_those_that_say_it() -> None:
    texts = ["A jackal came.", "He met a tiger.", "It rained.", "The tiger ate.", "It roared, striped."]
    passages = [replace(read(text), id=number) for number, text in enumerate(texts)]
    member = MemberId("book_1")
    tiger = [
        Candidate(member, "a tiger", -0.1, 0.25, passage=3),
        Candidate(member, "tiger", -0.1, 0.5, passage=4),
    ]
    jackal = [Candidate(member, "a jackal", -0.1, 0.25, passage=0)]
    verdict = Verdict([Vote("a tiger", 0.75, tiger), Vote("a jackal", 0.25, jackal)], "a tiger", 0.7)
    found = cited(passages, verdict, "?")
    assert [(one.passage.id, one.share) for one in found] == [
        (4, 0.5),
        (3, 0.25),
        (1, 0.0),
        (0, 0.0),
        (2, 0.0),
    ]
    assert [one.support is None for one in found] == [True, False, False, True, True]
    unheard = cited(passages, Verdict([], "a whale", 0.1), "?")
    assert [one.passage.id for one in unheard] == [0, 1, 2, 3, 4]


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_a_span_is_inside_and_says_half_of_the_answer(passage: str, answer: str, question: str) -> None:
    span = supporting_sentence(passage, answer, question)
    if span is None:
        return
    start, end = span
    assert 0 <= start < end <= len(passage)
    said, wanted = normalised(passage[start:end]), normalised(answer)
    assert wanted in said or len(set(wanted.split()) & set(said.split())) * 2 >= len(set(wanted.split()))
