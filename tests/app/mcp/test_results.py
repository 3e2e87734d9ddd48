"""What an assistant's LLM reads of an answer."""

from app.mcp.results import AskResult, BooksResult, ListedBook, SearchResult
from app.schemas import Abstained, LeftOut, Span
from tests.app.client.examples import answer, book


def test_an_answer_is_told_with_the_sentence_that_says_it() -> None:
    given = answer("Who was caught?")
    passage = given.citations[0]
    sentence = Span(start=passage.start, end=passage.start + 5, text="A tiger was caught.")
    other = passage.model_copy(update={"passage": passage.passage + 1})
    said = passage.model_copy(update={"support": sentence, "page": "iv", "share": 0.7})
    result = AskResult.of(given.model_copy(update={"citations": [other, said]}))
    assert [each.passage for each in result.citations] == [said.passage]
    words = result.words()
    assert words.startswith(f"{given.answer}\n\n")
    assert f"{given.confidence:.0%}" in words
    assert f"page iv, passage {said.passage}:\n  A tiger was caught." in words
    assert said.title in words
    # What it was read in is told whole where no sentence has its words.
    assert (
        f"passage {said.passage}:\n  {said.text}"
        in AskResult.of(
            given.model_copy(update={"citations": [other, said.model_copy(update={"support": None})]})
        ).words()
    )


def test_no_answer_is_told_as_none_with_the_reason_and_the_closest_places() -> None:
    refusal = Abstained(reason="not-told", detail="The book does not seem to tell it.", answer="a guess")
    given = answer("Who?").model_copy(update={"answer": None, "abstained": refusal})
    result = AskResult.of(given)
    assert (result.answer, result.declined) == (None, refusal.detail)
    assert result.words().startswith(f"No answer is given: {refusal.detail}")
    assert "Closest places:" in result.words()
    assert "a guess" not in result.words() + result.model_dump_json()


def test_what_an_answer_lacks_is_told_in_words() -> None:
    given = answer("Who?").model_copy(update={"degraded": "untrained", "versions": []})
    lacking = "nothing was learned of this book yet: the bare LLM answered from its passages"
    assert f"Note: {lacking}\n" in AskResult.of(given).words()
    assert AskResult.of(given.model_copy(update={"degraded": None})).note is None
    damaged = given.model_copy(update={"degraded": "damaged: b1@1 without members 2"})
    assert AskResult.of(damaged).note == "damaged: b1@1 without members 2"


def test_members_that_do_not_answer_are_told_of() -> None:
    left_out = [LeftOut(book="b1", version=2, reason="harm", detail="they make answers worse")]
    given = answer("Who?").model_copy(update={"left_out": left_out})
    assert (
        "Note: the members of version 2 do not answer: they make answers worse" in AskResult.of(given).words()
    )


def test_lists_are_told_also_where_they_are_empty() -> None:
    listed = BooksResult(books=[ListedBook.of(book())]).words()
    assert (book().id in listed, "The Tiger by Joseph Jacobs (queued)" in listed) == (True, True)
    assert BooksResult(books=[]).words() == "The library has no books."
    assert SearchResult(passages=[]).words() == "No passage was found."
