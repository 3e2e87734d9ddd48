"""The commands jobs, follow and cancel, against the peer."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from app.schemas import Job, JobStatus
from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book, job
from tests.app.client.peer import Peer


def made(number: int, status: JobStatus, of: int = 1, title: str = "The Tiger") -> Job:
    return job(status).model_copy(update={"id": f"job_{number}", "book": book(of).id, "title": title})


@pytest.fixture
def queue(peer: Peer) -> Peer:
    """Books 1 to 3: the first has jobs that ended and one that runs, the second two that wait."""
    titles = ["The Tiger", "The Jackal", "Mail"]
    peer.shelf = [book(number, title=title) for number, title in enumerate(titles, start=1)]
    peer.jobs = [
        made(22, "queued", 2, "The Jackal"),
        made(21, "queued", 2, "The Jackal"),
        made(1, "running"),
        made(3, "failed"),
        made(4, "succeeded"),
    ]
    return peer


def test_jobs_are_listed_all_or_those_of_a_book_or_a_status(queue: Peer) -> None:
    def listed(*words: str) -> list[str]:
        result = bookchorus("jobs", *words, peer=queue)
        assert result.exit_code == 0, result.output
        return [word for word in result.stdout.split() if word.startswith("job_")]

    assert listed() == ["job_22", "job_21", "job_1", "job_3", "job_4"]
    assert listed("--book", "the t") == ["job_1", "job_3", "job_4"]
    assert listed("--status", "queued") == ["job_22", "job_21"]
    assert listed("--status", "failed", "--book", "the tiger") == ["job_3"]
    assert listed("--limit", "3") == ["job_22", "job_21", "job_1"]
    assert listed("--book", "mail") == []
    assert bookchorus("jobs", "--status", "late", peer=queue).exit_code == 2


@pytest.mark.parametrize("name", ["job_1", "JOB_1", "the tiger", "the t", book(1).id])
def test_a_job_is_followed_by_its_id_or_its_book_to_its_end(queue: Peer, name: str) -> None:
    queue.jobs = queue.jobs[2:]
    result = bookchorus("follow", name, peer=queue)
    assert result.exit_code == 0, result.output
    told = (
        "Runs.",
        "step 2/2 · training loss 3.25",
        "held-out loss, before → after learning",
        "Version 1 is learned",
    )
    places = [result.stdout.index(words) for words in told]
    assert places == sorted(places)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_following_ends_with_1_where_the_job_failed_or_was_cancelled(queue: Peer, end: JobStatus) -> None:
    queue.end = end
    result = bookchorus("follow", "job_1", peer=queue)
    assert (result.exit_code, result.stderr.startswith("Learning The Tiger ")) == (1, True)


def test_steps_from_before_it_was_followed_are_not_told_again(queue: Peer) -> None:
    step = {"step": 2, "steps": 2, "loss": 3.0, "member_losses": [3.0, 3.1]}
    progress = {**step, "tokens_per_second": 500.0, "eta_seconds": 60.0}
    queue.jobs = [Job.model_validate({**made(1, "running").model_dump(), "progress": progress})]
    told = bookchorus("follow", "the tiger", peer=queue).stdout
    assert "step 2/2" in told
    assert "step 1/2" not in told


def test_a_job_is_cancelled_by_its_id_or_its_book(queue: Peer) -> None:
    assert bookchorus("cancel", "job_22", peer=queue).stdout == "Job job_22 is cancelled.\n"
    assert bookchorus("cancel", "The Tiger", peer=queue).stdout == "Job job_1 ends at its next step.\n"
    assert ("POST", "/jobs/job_1/cancel") in queue.calls
    ended = bookchorus("cancel", "job_4", peer=queue)
    assert (ended.exit_code, ended.stderr) == (1, "Job job_4 has ended already: it succeeded.\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "job_2",
            "2 jobs begin with 'job_2': say job_22 (The Jackal, queued) or job_21 (The Jackal, queued).\n",
        ),
        ("the j", "2 jobs learn 'the j': say job_22 (The Jackal, queued) or job_21 (The Jackal, queued).\n"),
        ("job_9", "There is no job 'job_9'. The jobs are listed by: bookchorus jobs\n"),
        (
            "mail",
            f"Nothing learns 'mail' now. What did is listed by: bookchorus jobs --book {book(3).id}\n",
        ),
        ("lion", "There is no book 'lion'. The books are listed by: bookchorus books\n"),
    ],
)
@pytest.mark.parametrize("command", ["follow", "cancel"])
def test_where_no_job_or_more_than_one_is_meant_it_is_one_line(
    queue: Peer, command: str, name: str, said: str
) -> None:
    result = bookchorus(command, name, peer=queue)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)
    assert not [call for call in queue.calls if call[0] == "POST"]


def test_after_ctrl_c_it_says_how_to_go_on_or_stop(queue: Peer) -> None:
    # The stream of events stays open, as that of a long training does.
    queue.holds = True
    screen, side = pty.openpty()
    # A test run in the background ignores SIGINT, and so would what it starts.
    call = ["env", "--default-signal=INT", sys.executable, "-m", "app.cli", "follow", "job_1"]
    call += ["--url", queue.url]
    environment = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    with subprocess.Popen(call, stdout=side, stderr=side, env=environment) as process:
        os.close(side)
        shown = b""
        while b"member 1" not in shown:
            shown += os.read(screen, 4096)
        process.send_signal(signal.SIGINT)
        try:
            while piece := os.read(screen, 4096):
                shown += piece
        except OSError:
            # So a terminal's end is told on Linux.
            pass
        os.close(screen)
    assert process.returncode == 130
    told = " · ".join(
        f"to {do} it: bookchorus {word} job_1 --url {queue.url}"
        for do, word in (("follow", "follow"), ("stop", "cancel"))
    )
    assert f"Learning goes on in the service. T{told[1:]}" in shown.decode()
