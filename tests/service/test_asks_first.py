"""Asks come before training, in a service that learns a long book: in the order that its log shows."""

from pathlib import Path

from tests.long_book import long_book
from tests.service.conftest import service
from tests.service.test_books import QUICK

ASKS = 5
# It takes longer than all of these, and is left unfinished.
LONG = {**QUICK, "objective": "lm", "epochs": 1000, "budget_seconds": 3600}
SHOWN = ("members are asked", "members have answered", "a batch of asks begins", "a pass of training begins")


def test_no_wave_of_an_ask_waits_for_a_pass_of_training(tiny_folder: Path, tmp_path: Path) -> None:
    book = tmp_path / "long.md"
    book.write_text(long_book(4_000), encoding="utf-8")
    with service(tmp_path, "--model", str(tiny_folder), log_level="debug") as client:
        added = client.add(book, recipe=LONG)
        assert added.job is not None
        learning = client.follow(added.job.id)
        next(event for event in learning if event.type == "metrics")
        for number in range(ASKS):
            client.ask(f"Who carried the lamp {number} times?", books=[added.book.id], min_confidence=0)
        assert client.job(added.job.id).status == "running"
    lines = (tmp_path / "serve.log").read_text(errors="replace").splitlines()
    # What a line is about stands behind it, in brackets.
    told = [line.rpartition(": ")[2].partition(" [")[0] for line in lines]
    order = [each for each in told if each in SHOWN]
    begins = [place for place, told in enumerate(order) if told == "members are asked"]
    ends = [place for place, told in enumerate(order) if told == "members have answered"]
    assert len(begins) == len(ends) == ASKS
    asks = [order[begin:end] for begin, end in zip(begins, ends, strict=True)]
    # The passages are read in waves, each of which is a batch, until the answer is settled.
    assert max(asked.count("a batch of asks begins") for asked in asks) > 1, asks
    for asked in asks:
        assert asked.count("a batch of asks begins") >= 1, asked
        assert asked.count("a pass of training begins") == 0, asked
    # It would have: training went on between one ask and the next.
    for end, begin in zip(ends[:-1], begins[1:], strict=True):
        assert "a pass of training begins" in order[end:begin]
