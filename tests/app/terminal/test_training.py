from io import StringIO

import pytest
from rich.console import Console

from app.client import Client
from app.schemas import Job, JobEvent, Phase
from app.schemas import Progress as Step
from app.terminal.losses import losses_panel
from app.terminal.training import TrainingProgress, show_training
from tests.app.client.examples import events, job
from tests.app.client.peer import Peer
from tests.app.terminal.rendering import line_with, shown


def test_training_shows_the_last_word_before_its_first_step() -> None:
    training = TrainingProgress("The Tiger")
    training.update(events()[0])
    text = shown(training)
    assert "The Tiger" in text
    assert "Waits for its turn." in text


def test_training_shows_step_loss_speed_time_left_and_each_member() -> None:
    training = TrainingProgress("The Tiger")
    for event in events()[:5]:
        training.update(event)
    text = shown(training)
    # The losses of the two steps are 3.5 and 3.0: one alone says what was read in it.
    assert "step 2/2 · training loss 3.25 · 500 tokens/s · 1:00 left" in text
    assert line_with(text, "member 1").split() == ["member", "1", "▇▁", "3.25", "member", "2", "█▂", "3.35"]


def test_a_phase_says_how_much_is_done_and_how_long_it_still_takes() -> None:
    training = TrainingProgress("The Tiger")
    for done, left in ((2, None), (4, 30.0), (8, 10.0)):
        data = {"kind": "writing", "done": done, "total": 10, "eta_seconds": left}
        training.update(events()[0].model_copy(update={"message": "Writes questions.", "data": data}))
    assert "8/10 · 10.0 s left" in line_with(shown(training), "Writes questions.")
    training.update(events()[2])
    assert "8/10" not in shown(training)


def test_what_is_in_hand_moves_the_bar_and_a_warning_leaves_it_as_it_is() -> None:
    training = TrainingProgress("The Tiger")
    data = {"kind": "writing", "done": 0, "total": 10, "share": 0.2, "eta_seconds": 30.0}
    training.update(events()[0].model_copy(update={"message": "Writes questions.", "data": data}))
    before = shown(training)
    assert "0/10 · 30.0 s left" in line_with(before, "Writes questions.")
    assert "━" in line_with(before, "Writes questions.")
    training.update(events()[0].model_copy(update={"level": "warning", "message": "Too short.", "data": {}}))
    assert line_with(shown(training), "Writes questions.")[3:] == line_with(before, "Writes questions.")[3:]


def test_training_goes_on_where_a_loss_is_not_a_number() -> None:
    training = TrainingProgress("The Tiger")
    before, step = events()[2], events()[4]
    training.update(before.model_copy(update={"data": {**before.data, "member_losses": [None, None]}}))
    training.update(step.model_copy(update={"data": {**step.data, "loss": None}}))
    assert training.before == []
    assert "Measured." in shown(training)


def test_the_losses_panel_shows_each_member_before_and_after() -> None:
    text = shown(losses_panel([4.0, 4.0], [3.0, 5.0], bare=4.5))
    assert "4.50" in line_with(text, "bare LLM")
    assert "4.00 → 3.00       -25%" in line_with(text, "member 1")
    assert "4.00 → 5.00       +25%" in line_with(text, "member 2")
    assert "4.00 → 4.00  no change" in line_with(text, "mean ")
    kept, gained = line_with(text, "member 1").count("━"), line_with(text, "member 1").count("╌")
    assert kept == pytest.approx(3 * gained, abs=2)


@pytest.mark.parametrize(
    ("before", "after", "bare", "change", "verdict"),
    [
        (
            5.01,
            5.03,
            4.91,
            "no change",
            "did not lower the loss. The members are not better than the bare LLM",
        ),
        (
            4.91,
            4.909,
            4.93,
            "no change",
            "did not lower the loss. The members are not better than the bare LLM",
        ),
        (4.0, 3.5, 3.5, "-12%", "not better than the bare LLM"),
        (4.0, 4.4, 5.0, "+10%", "did not lower the loss."),
        (4.0, 3.0, None, "-25%", ""),
        (4.0, 3.0, 4.5, "-25%", ""),
    ],
)
@pytest.mark.parametrize("width", [80, 110])
def test_what_was_gained_is_said_in_words_where_it_is_nothing(
    before: float, after: float, bare: float | None, change: str, verdict: str, width: int
) -> None:
    text = shown(losses_panel([before], [after], bare=bare, questions=12), width)
    assert line_with(text, "member 1").rstrip("│ ").endswith(change)
    told = " ".join(text.replace("│", "").split())
    assert "before → after learning" in told
    assert "Learned from 12 questions." in told
    assert "lower is better" in told
    assert verdict in told
    for words in ("did not lower", "not better"):
        assert (words in told) == (words in verdict)


def counted(*counts: tuple[str, int], total: int = 9) -> list[JobEvent]:
    """A job's events with such counts of phases before its first step."""
    waits, runs, *rest = events()
    told = [
        runs.model_copy(
            update={
                "message": f"{kind}: {done} of {total}.",
                "data": {"kind": kind, "done": done, "total": total},
            }
        )
        for kind, done in counts
    ]
    whole = [waits, runs, *told, *rest]
    return [event.model_copy(update={"id": number}) for number, event in enumerate(whole, start=1)]


STEP = Step(step=1, steps=2, loss=3.5, member_losses=[3.5], tokens_per_second=9, eta_seconds=1)


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        ({}, ["embedding: 3", "embedding: 6", "embedding: 9", "writing: 2", "writing: 4", "writing: 6"]),
        (
            {"phase": Phase(kind="embedding", done=6, total=9)},
            ["embedding: 6", "embedding: 9", "writing: 2", "writing: 4", "writing: 6"],
        ),
        ({"phase": Phase(kind="writing", done=4, total=9)}, ["embedding: 9", "writing: 4", "writing: 6"]),
        ({"progress": STEP}, ["embedding: 9", "writing: 6"]),
        ({"status": "succeeded", "progress": STEP}, ["embedding: 9", "writing: 6"]),
    ],
)
def test_of_a_phase_that_went_on_before_it_is_followed_only_the_last_is_told(
    peer: Peer, stands: dict[str, object], told: list[str]
) -> None:
    peer.events = counted(*(("embedding", done) for done in (3, 6, 9)), *(("writing", n) for n in (2, 4, 6)))
    followed = job("running").model_copy(update=stands)
    console = Console(file=StringIO(), width=100)
    with Client(peer.url) as client:
        show_training(console, client, followed)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert [line.removesuffix(" of 9.") for line in lines if " of 9." in line] == told
    for words in ("Waits for its turn.", "Runs.", "Measured.", "Published version 1 as the champion"):
        assert sum(line.startswith(words) for line in lines) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_where_too_little_time_is_foreseen_it_is_said_how_to_stop(peer: Peer, terminal: bool) -> None:
    def told(followed: Job, **data: bool) -> str:
        waits, runs, *rest = events()
        short = {
            "message": "There is time for 1 step.",
            "level": "warning",
            "data": {"kind": "too-short", **data},
        }
        peer.events = [waits, runs, runs.model_copy(update=short), *rest]
        console = Console(file=StringIO(), width=100, force_terminal=terminal)
        with Client(peer.url) as client:
            show_training(console, client, followed)
        assert isinstance(console.file, StringIO)
        return console.file.getvalue()

    running = job("running")
    assert told(running, foreseen=True).count(f"To stop it: bookchorus cancel {running.id}") == 1
    for followed, data in (
        (running, {"foreseen": False}),
        (running, {}),
        (job("succeeded"), {"foreseen": True}),
    ):
        assert "To stop it" not in told(followed, **data)


def test_elsewhere_than_on_a_terminal_each_tenth_of_a_phase_is_a_line(peer: Peer) -> None:
    peer.events = counted(*(("embedding", done) for done in range(500)), total=499)
    console = Console(file=StringIO(), width=100)
    with Client(peer.url) as client:
        show_training(console, client, job("running"))
    assert isinstance(console.file, StringIO)
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith("embedding")]
    tenths = [0, 50, 100, 150, 200, 250, 300, 350, 400, 450, 499]
    assert lines == [f"embedding: {done} of 499." for done in tenths]


def test_elsewhere_than_on_a_terminal_a_slow_phase_says_how_long_it_still_takes(peer: Peer) -> None:
    waits, runs, *rest = events()
    told = [
        runs.model_copy(
            update={
                "created_at": at,
                "message": "Writes questions: 0 of 48.",
                "data": {"kind": "writing", "done": 0, "total": 48, "eta_seconds": left},
            }
        )
        for at, left in (
            (100, None),
            (102, 600.0),
            (114, 580.0),
            (115, 570.0),
            (117, 560.0),
            (131, 540.0),
            # Nothing new: neither a count nor a time.
            (150, 540.2),
        )
    ]
    whole = [waits, runs, *told, *rest]
    peer.events = [event.model_copy(update={"id": number}) for number, event in enumerate(whole, start=1)]
    console = Console(file=StringIO(), width=100)
    with Client(peer.url) as client:
        show_training(console, client, job("queued"))
    assert isinstance(console.file, StringIO)
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith("Writes")]
    assert lines == [
        "Writes questions: 0 of 48.",
        "Writes questions: 0 of 48, 9:30 left.",
        "Writes questions: 0 of 48, 9:00 left.",
    ]


@pytest.mark.parametrize("said", [{"level": "warning"}, {"data": {"kind": "budget", "seconds": 120}}])
def test_what_is_about_all_that_follows_stays_on_the_terminal(peer: Peer, said: dict[str, object]) -> None:
    waits, runs, *rest = events()
    staying = runs.model_copy(update={"message": "There is little time.", **said})
    told = [waits, runs, staying, *rest]
    peer.events = [event.model_copy(update={"id": number}) for number, event in enumerate(told, start=1)]
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with Client(peer.url) as client:
        show_training(console, client, job("running"))
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().count("There is little time.") == 1


def test_on_a_terminal_it_is_told_at_the_end_what_has_become_of_the_version(peer: Peer) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with Client(peer.url) as client:
        show_training(console, client, job())
    assert isinstance(console.file, StringIO)
    _, _, end = console.file.getvalue().partition("held-out loss, before → after learning")
    assert "Published version 1 as the champion: the book had none." in end
