"""The table of jobs."""

import pytest

from app.schemas import Job, JobProblem, Phase, Progress
from app.terminal.jobs import jobs_table
from tests.app.client.examples import job
from tests.app.terminal.rendering import line_with, shown

STEP = Progress(step=1200, steps=4000, loss=3, member_losses=[3], tokens_per_second=9, eta_seconds=245)


def of(job: Job, number: int, **fields: object) -> Job:
    return job.model_copy(update={"id": f"job_{number:016}", "title": f"Tale {number}", **fields})


@pytest.mark.parametrize("width", [80, 120])
def test_each_job_says_how_far_it_is_and_when_it_ends_or_why_it_failed(width: int) -> None:
    started = {"started_at": 1_700_000_100, "finished_at": 1_700_000_700}
    text = shown(
        jobs_table(
            [
                of(job("queued"), 1, detail="queued: no worker is running"),
                of(job("running"), 2, phase=Phase(kind="writing", done=3, total=8), started_at=1_700_000_100),
                of(job("running"), 6, phase=Phase(kind="writing", done=16, total=498, eta_seconds=150)),
                of(job("running"), 3, progress=STEP),
                of(job("succeeded"), 4, progress=STEP, **started),
                of(job("failed"), 5, error=JobProblem(code="x", message="no [red]memory"), **started),
            ]
        ),
        width,
    )
    assert line_with(text, "Tale 1").split()[2:] == ["●", "queued", "2023-11-14", "22:13"]
    assert "no worker is" in text
    assert line_with(text, "Tale 2").split()[2:] == ["●", "running", "writing", "3/8", "2023-11-14", "22:15"]
    assert line_with(text, "Tale 6").split()[2:] == ["●", "running", "writing", "16/498", "2:30", "left"]
    # Other phases follow.
    assert text.count("of this phase") == 2
    assert line_with(text, "Tale 3").split()[2:] == [
        "●",
        "running",
        "learning",
        "1,200/4,000",
        "4:05",
        "left",
    ]
    assert line_with(text, "Tale 4").split()[2:] == ["●", "succeeded", "1,200/4,000", "2023-11-14", "22:25"]
    assert "version 1" in text
    assert "no [red]memory" in text
    for number in range(1, 7):
        assert f"job_{number:016}" in text


def test_without_jobs_it_says_how_to_have_one() -> None:
    assert "bookchorus add FILE" in shown(jobs_table([]))
