import io

import pytest
from rich.console import Console, RenderableType

from app.schemas import Abstained, Heard, Vote
from app.terminal import answers
from app.terminal import training as watch
from tests.app.client.peer import answer, book, events, prompt


def shown(renderable: RenderableType, width: int = 100) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(renderable)
    text = console.export_text()
    assert all(len(line) <= width for line in text.splitlines())
    return text


def line_with(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if words in line)


def test_an_answer_shows_who_said_what_and_where_it_is_written() -> None:
    text = shown(answers.answer_panel(answer(), expected="The tiger"))
    assert "Who was caught?" in text
    assert "The tiger" in line_with(text, "expected")
    assert "75%" in line_with(text, "confidence")
    assert "75%" in line_with(text, "members 1, 2, 4")
    assert "A tiger." in line_with(text, "members 1, 2, 4")
    assert "25%" in line_with(text, "member 3")
    assert "The Tiger · The Trap" in text
    assert "“Once upon a time a tiger was caught in a trap.”" in text
    assert "characters 1,044 to 1,098" in text
    assert "4 members of v1 · 1.2 s" in text


def test_who_does_not_know_says_why() -> None:
    why = Abstained(reason="not-told", detail="The book does not seem to tell this.")
    silent = answer().model_copy(update={"answer": None, "abstained": why, "calibrated": False})
    text = shown(answers.answer_panel(silent))
    assert why.detail in line_with(text, "no answer")
    assert "75%" in line_with(text, "agreement")
    assert "A tiger." in line_with(text, "members 1, 2, 4")


def test_a_vote_that_goes_on_is_one_line() -> None:
    heard = Heard(candidates=3, answer="A\n[red]tiger", confidence=0.756, votes=answer().votes)
    assert shown(answers.so_far(heard)).strip() == "3 heard, so far: A [red]tiger (76%)"


def test_a_member_that_said_it_twice_is_named_once() -> None:
    one = answer().votes[1].candidates[0]
    vote = Vote(answer="A jackal.", share=1.0, candidates=[one, one.model_copy(update={"sample": 1})])
    assert "member 3 (x2)" in shown(answers.answer_panel(answer().model_copy(update={"votes": [vote]})))


def test_members_of_several_versions_are_told_apart() -> None:
    one = answer().votes[1].candidates[0]
    votes = [
        Vote(
            answer="A jackal.",
            share=1.0,
            candidates=[one, one.model_copy(update={"version": 2, "book": "b2"})],
        )
    ]
    text = shown(answers.answer_panel(answer().model_copy(update={"votes": votes})))
    assert "The Tiger v1: member 3" in text
    assert "b2 v2: member 3" in text


def test_an_answer_of_the_bare_llm_says_so() -> None:
    one = answer().votes[1].candidates[0].model_copy(update={"version": None, "member": None})
    bare = answer().model_copy(
        update={
            "degraded": "untrained",
            "versions": [],
            "votes": [Vote(answer="A jackal.", share=1.0, candidates=[one])],
        }
    )
    text = shown(answers.answer_panel(bare))
    assert "nothing was learned of this book yet" in text
    assert "bare LLM" in line_with(text, "100%")


def test_what_a_book_says_is_never_taken_for_markup_or_terminal_codes() -> None:
    text = shown(answers.answer_panel(answer("[red]Who[/red]\x1b[31m was\n caught\x07?")))
    assert "[red]Who[/red] [31m was caught ?" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_books_are_listed_with_state_aliases_and_id(width: int) -> None:
    ready = book(1, state="ready", title="The Tiger")
    text = shown(answers.books_table([ready, book(2, title="The Jackal")]), width)
    assert "ready" in text
    assert "champion → 1" in text
    assert "queued" in text
    if width >= 80:
        assert ready.id in text
        assert "1,234" in line_with(text, "The Tiger")


def test_books_show_their_tags_where_there_are_any() -> None:
    tagged = book(1, title="The Tiger").model_copy(update={"tags": ["animals", "short\n[red]"]})
    text = shown(answers.books_table([tagged, book(2, title="The Jackal")]))
    assert text.count("tagged") == 1
    assert "tagged animals, short [red]" in text.partition("The Jackal")[0]


def test_empty_lists_say_what_to_do() -> None:
    assert "bookchorus add FILE" in shown(answers.books_table([]))
    assert "bookchorus add FILE" in shown(answers.prompts_table([]))


def test_prompts_are_listed_with_all_that_tells_versions_apart() -> None:
    continued = prompt(2).model_copy(update={"parent": 1, "aliases": ["latest"]})
    text = shown(answers.prompts_table([continued, prompt(1)]))
    assert "1 → 2" in text
    assert "lora" not in text
    other = prompt(3).model_copy(update={"recipe": {"method": "lora"}})
    assert "lora" in shown(answers.prompts_table([other]))
    for words in ("The Tiger", "tiny-llm · int8 weights", "4.10 → 3.05", "champion", "2.0 MB"):
        assert words in text


def test_prompts_without_losses_are_not_measured() -> None:
    version = prompt()
    members = [
        member.model_copy(update={"loss_before": None, "loss_after": None}) for member in version.members
    ]
    assert "not measured" in shown(answers.prompts_table([version.model_copy(update={"members": members})]))


def test_training_shows_the_last_word_before_its_first_step() -> None:
    training = watch.Training("The Tiger")
    training.take(events()[0])
    text = shown(training)
    assert "The Tiger" in text
    assert "Waits for its turn." in text


def test_training_shows_step_loss_speed_time_left_and_each_member() -> None:
    training = watch.Training("The Tiger")
    for event in events()[:5]:
        training.take(event)
    text = shown(training)
    assert "step 2/2 · loss 3.00 · 500 tokens/s · 1:00 left" in text
    assert line_with(text, "member 1").split() == ["member", "1", "▇▁", "3.00", "member", "2", "█▂", "3.10"]


def test_training_goes_on_where_a_loss_is_not_a_number() -> None:
    training = watch.Training("The Tiger")
    before, step = events()[2], events()[4]
    training.take(before.model_copy(update={"data": {**before.data, "member_losses": [None, None]}}))
    training.take(step.model_copy(update={"data": {**step.data, "loss": None}}))
    assert training.before == []
    assert "Measured." in shown(training)


def test_the_summary_shows_each_member_before_and_after() -> None:
    text = shown(watch.summary([4.0, 4.0], [3.0, 5.0], bare=4.5))
    assert "4.50" in line_with(text, "bare LLM")
    assert "4.00 → 3.00  -25%" in line_with(text, "member 1")
    assert "4.00 → 5.00  +25%" in line_with(text, "member 2")
    assert "4.00 → 4.00   +0%" in line_with(text, "mean ")
    kept, gained = line_with(text, "member 1").count("━"), line_with(text, "member 1").count("╌")
    assert kept == pytest.approx(3 * gained, abs=2)


def test_a_sparkline_falls_as_its_values_fall() -> None:
    assert watch.sparkline([8, 7, 6, 5, 4, 3, 2, 1], 1, 8) == "█▇▆▅▄▃▂▁"
    assert watch.sparkline([2, 2], 2, 2) == "▁▁"
    assert watch.sparkline([1] * 50 + [8] * 50, 1, 8, width=4) == "▁▁██"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.123, "0.12 s"), (12.34, "12.3 s"), (245, "4:05"), (3845, "1:04:05")]
)
def test_durations(seconds: float, words: str) -> None:
    assert answers.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1843200, "1.8 MB"), (2 * 10**12, "2000 GB")]
)
def test_sizes(count: int, words: str) -> None:
    assert answers.size(count) == words


def test_a_quote_is_cut_at_a_word() -> None:
    assert answers.shortened("once upon a time", 12) == "once upon a…"
    assert answers.shortened("once\n upon", 12) == "once upon"
    assert len(answers.shortened("x" * 500, 100)) == 100
