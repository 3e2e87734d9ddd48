import pytest

from app.schemas import Abstained, Heard, LeftOut, Retrieved, Span, Vote
from app.terminal.answers import answer_panel, vote_so_far, who_answers
from tests.app.client.examples import answer
from tests.app.terminal.rendering import line_with, shown


def test_an_answer_shows_who_said_what_and_where_it_is_written() -> None:
    said = Span(start=1080, end=1098, text="A tiger was caught in a trap.")
    where = {"page": "2", "first_page": "1", "last_page": "2", "support": said}
    cited = [each.model_copy(update=where) for each in answer().citations]
    text = shown(answer_panel(answer().model_copy(update={"citations": cited}), expected="The tiger"))
    assert "Who was caught?" in text
    assert "The tiger" in line_with(text, "expected")
    assert "75%" in line_with(text, "confidence")
    assert "75%" in line_with(text, "1, 2, 4")
    assert "A tiger." in line_with(text, "1, 2, 4")
    assert line_with(text, "A jackal.").replace("│", "").split()[0] == "25%"
    assert "The Tiger · The Trap · page 2 · id 1" in text
    assert "“A tiger was caught in a trap.”" in text
    assert "characters 1,080 to 1,098" in text
    assert "by 4 members of v1 · 1.2 s" in text


def test_the_best_two_passages_are_those_that_say_it() -> None:
    [one] = answer().citations
    said = Span(start=1080, end=1098, text="A tiger was caught in a trap.")
    cited = [one.model_copy(update={"chapter": f"Chapter {number}"}) for number in range(4)]
    cited.insert(0, cited.pop().model_copy(update={"support": said}))
    short = answer().model_copy(update={"citations": cited})
    text = shown(answer_panel(short, votes=False, passages=False))
    assert [f"Chapter {number}" in text for number in range(4)] == [True, False, False, True]
    assert text.index("Chapter 3") < text.index("Chapter 0")
    assert "2 more were found: --passages" in text
    assert "A jackal." not in text
    assert "more were found" not in shown(answer_panel(short))


def test_a_confidence_little_above_the_threshold_says_so() -> None:
    def told(confidence: float, threshold: float | None) -> str:
        found = answer().model_copy(update={"confidence": confidence, "threshold": threshold})
        return line_with(shown(answer_panel(found)), "confidence")

    assert "15% (no answer below 12%)" in told(0.15, 0.12)
    for far, threshold in ((0.3, 0.12), (0.15, None), (0.15, 0.0)):
        assert "no answer below" not in told(far, threshold)


@pytest.mark.parametrize("width", range(60, 120, 3))
@pytest.mark.parametrize("title", ["The Tiger", "The Tiger who was caught in a trap of old", "虎" * 60])
def test_the_id_of_a_passage_is_never_parted_from_its_number(title: str, width: int) -> None:
    [one] = answer().citations
    cited = [one.model_copy(update={"title": title, "first_page": "9", "last_page": "10", "passage": 27100})]
    text = shown(answer_panel(answer().model_copy(update={"citations": cited}), votes=False), width)
    assert " · id 27100 " in text
    # All of the place is there, on as many lines as it takes.
    place = "".join(text[text.index("read in") : text.index(" · id ")].replace("│", "").split())
    assert place == "".join(f"read in 1 {title} · The Trap · pages 9\N{EN DASH}10".split())


@pytest.mark.parametrize("question", ["Who of them all was the real prince of Ost? " * 3, "虎" * 70])
def test_a_question_that_is_too_long_for_the_title_ends_in_an_ellipsis(question: str) -> None:
    [title, *_] = shown(answer_panel(answer(question)), 80).splitlines()
    assert title.startswith(f"╭─ {question[:30]}")
    assert title.endswith("…─╮")


def test_who_does_not_know_says_why() -> None:
    why = Abstained(reason="not-told", detail="The book does not seem to tell this.", answer="A tiger.")
    near = (
        answer()
        .citations[0]
        .model_copy(update={"page": "xii", "first_page": "xii", "last_page": "1", "support": None})
    )
    silent = answer().model_copy(
        update={"answer": None, "abstained": why, "calibrated": False, "citations": [near]}
    )
    text = shown(answer_panel(silent))
    assert why.detail in line_with(text, "no answer")
    assert "75%" in line_with(text, "agreement")
    assert "The Tiger · The Trap · pages xii\N{EN DASH}1" in line_with(text, "closest")
    assert "characters 1,044 to 1,098" in text
    assert "read in" not in text
    assert "A tiger." in line_with(text, "1, 2, 4")


def test_before_any_is_heard_it_is_said_who_answers() -> None:
    read = answer()
    silent = LeftOut(book="b1", version=2, reason="asked", detail="it was asked")
    for versions, left_out, degraded, said in (
        (read.versions, [], None, "the members answer"),
        ([], [], "untrained", "nothing was learned of this book yet: the LLM answers from 1 passage"),
        ([], [], "unembedded: b1", "nothing was learned of this book yet: the LLM answers from 1 passage"),
        ([], [silent], None, "without its members: the LLM answers from 1 passage"),
        ([], [silent], "unembedded: b1", "without its members: the LLM answers from 1 passage"),
        ([], [], "other-model: b1@1", "without its members: the LLM answers from 1 passage"),
    ):
        found = Retrieved(citations=read.citations, versions=versions, left_out=left_out, degraded=degraded)
        assert who_answers(found).plain == said


def test_a_vote_that_goes_on_is_one_line() -> None:
    heard = Heard(candidates=3, answer="A\n[red]tiger", confidence=0.756, votes=answer().votes)
    assert shown(vote_so_far(heard)).strip() == "3 heard, so far: A [red]tiger (76%)"


def test_an_answer_of_the_bare_llm_says_so() -> None:
    one = answer().votes[1].candidates[0].model_copy(update={"version": None, "member": None})
    bare = answer().model_copy(
        update={
            "degraded": "untrained",
            "versions": [],
            "votes": [Vote(answer="A jackal.", share=1.0, candidates=[one])],
        }
    )
    text = shown(answer_panel(bare))
    assert "nothing was learned of this book yet" in text
    assert "bare LLM" in line_with(text, "100%")


def test_an_answer_without_the_search_by_meaning_says_when_to_ask_again() -> None:
    early = answer().model_copy(
        update={"degraded": "unembedded: the passages of b1 are found by their words"}
    )
    text = " ".join(shown(answer_panel(early)).replace("│", "").split())
    assert (
        "still being embedded, and are found by their words alone until then: ask again in a minute" in text
    )
    assert "b1" not in text
    assert "nothing was learned" not in text
    unlearned = shown(answer_panel(early.model_copy(update={"versions": []})))
    assert "nothing was learned of this book yet" in unlearned
    assert "still being embedded" in unlearned


def test_what_a_book_says_is_never_taken_for_markup_or_terminal_codes() -> None:
    text = shown(answer_panel(answer("[red]Who[/red]\x1b[31m was\n caught\x07?")))
    assert "[red]Who[/red] [31m was caught ?" in text
    assert "\x1b" not in text


def test_members_that_do_not_answer_are_named_with_the_reason() -> None:
    why = "with them, answers to 12 held-out questions lost .100 of ROUGE-L on average [.050, .200]"
    silent = LeftOut(book="b1", version=2, reason="harm", detail=why)
    text = shown(answer_panel(answer().model_copy(update={"left_out": [silent]})))
    assert f"The members of v2 do not answer: {why}." in " ".join(text.replace("│", "").split())
