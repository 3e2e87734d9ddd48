from io import StringIO

import pytest
from rich.console import Console

from app.client import Client
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
    begun = events()[0].created_at
    for done, seconds in ((2, 0), (4, 10), (8, 30)):
        data = {"kind": "writing", "done": done, "total": 10}
        told = {"message": "Writes questions.", "data": data, "created_at": begun + seconds}
        training.update(events()[0].model_copy(update=told))
    assert "8/10 · 10.0 s left" in line_with(shown(training), "Writes questions.")
    training.update(events()[2])
    assert "8/10" not in shown(training)


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
    assert "4.00 → 3.00  -25%" in line_with(text, "member 1")
    assert "4.00 → 5.00  +25%" in line_with(text, "member 2")
    assert "4.00 → 4.00   +0%" in line_with(text, "mean ")
    kept, gained = line_with(text, "member 1").count("━"), line_with(text, "member 1").count("╌")
    assert kept == pytest.approx(3 * gained, abs=2)


def test_on_a_terminal_it_is_told_at_the_end_what_has_become_of_the_version(peer: Peer) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with Client(peer.url) as client:
        show_training(console, client, job())
    assert isinstance(console.file, StringIO)
    _, _, end = console.file.getvalue().partition("what the members gained")
    assert "Published version 1 as the champion: the book had none." in end
