"""The sample book and its questions: what `bookchorus demo` reads and asks."""

import json
import re
from pathlib import Path
from typing import TypedDict

import pytest

SAMPLE = Path(__file__).parents[2] / "app" / "sample"


class Question(TypedDict):
    question: str
    answers: list[str]
    passage: str


class Sample(TypedDict):
    book: str
    title: str
    author: str
    questions: list[Question]


def load() -> Sample:
    sample: Sample = json.loads((SAMPLE / "questions.json").read_text(encoding="utf-8"))
    return sample


def words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


@pytest.fixture
def text() -> str:
    return (SAMPLE / load()["book"]).read_text(encoding="utf-8")


def test_the_book_is_short_and_says_who_wrote_it(text: str) -> None:
    sample = load()
    assert text.startswith(f"# {sample['title']}\n\nby {sample['author']}\n")
    assert 1_000 <= len(text.split()) <= 2_000


def test_the_book_has_chapters_with_titles_of_their_own(text: str) -> None:
    titles = re.findall(r"^## (\S.*)$", text, flags=re.MULTILINE)
    assert 4 <= len(titles) <= 5
    assert len(set(titles)) == len(titles)
    for chapter in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        assert len(chapter.split()) > 100


def test_there_are_ten_questions_of_different_kinds() -> None:
    asked = [question["question"] for question in load()["questions"]]
    assert len(asked) == len(set(asked)) == 10
    assert all(question.endswith("?") for question in asked)
    for kind in ("Who", "What", "Where", "When", "Why", "How many"):
        assert any(question.startswith(kind) for question in asked), kind


@pytest.mark.parametrize("question", load()["questions"], ids=lambda question: str(question["question"]))
class TestQuestion:
    def test_its_passage_stands_in_one_paragraph_of_the_book(self, question: Question, text: str) -> None:
        assert text.count(question["passage"]) == 1
        assert "\n" not in question["passage"]

    def test_its_passage_holds_an_answer(self, question: Question) -> None:
        passage = words(question["passage"])
        if question["question"].startswith("Why"):
            # A reason is seldom told in the words that give it as an answer.
            assert len(set(passage) & set(words(question["answers"][0]))) >= 3
        else:
            assert any(answer.lower() in question["passage"].lower() for answer in question["answers"])

    def test_its_answers_are_short(self, question: Question) -> None:
        assert all(1 <= len(words(answer)) <= 6 for answer in question["answers"])
        assert len(set(question["answers"])) == len(question["answers"])

    def test_it_does_not_give_its_answer_away(self, question: Question) -> None:
        assert not any(answer.lower() in question["question"].lower() for answer in question["answers"])
