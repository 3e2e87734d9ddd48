"""The commands about jobs: list them, follow one to its end, cancel one."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from app.cli.names import BookFilter, JobName, book_id, job_named
from app.cli.options import DEFAULT_URL, Key, Url, connect, next_command
from app.cli.output import Json, Output
from app.which_book import as_named

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Job

app = typer.Typer()

# The same as app.schemas.JobStatus, which takes a while to import.
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@app.command("jobs")
def list_jobs(
    book: BookFilter = None,
    status: Annotated[Status | None, typer.Option(help="Only those that are so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Jobs to show, the newest.")] = 20,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List the jobs that learn books, newest first: how far each is, when it ends, why it failed."""
    from app.terminal.jobs import jobs_table

    with connect(url, key, as_json) as client:
        chosen = None if book is None else book_id(client, book)
        statuses = () if status is None else (status,)
        # One more than is shown says whether there are more.
        found = client.jobs(book=chosen, statuses=statuses, most=limit + 1)
        has_more = len(found) > limit
        Output(as_json).show_list(found[:limit], jobs_table(found[:limit]), has_more=has_more)


@app.command()
def follow(job: JobName, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show a training until it ends, as add does."""
    with connect(url, key, as_json) as client:
        show_job(Output(as_json), client, job_named(client, job), wait=True)


@app.command()
def cancel(job: JobName, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Cancel a job: at once where it waits, at its next step where it learns. No version comes of it."""
    from app.client import ClientError

    with connect(url, key, as_json) as client:
        now = client.cancel(job_named(client, job).id)
        if now.status in ("succeeded", "failed"):
            raise ClientError(f"Job {now.id} has ended already: it {now.status}.")
        what = "is cancelled" if now.status == "cancelled" else "ends at its next step"
        Output(as_json).show(now, f"Job {now.id} {what}.")


def show_job(out: Output, client: "Client", job: "Job", *, wait: bool) -> None:
    """Show a job until it ends, as JSON its events and then the job; without `wait`, say that it is there.

    ClientError: it failed, was cancelled, or the service is lost.
    """
    if not wait:
        out.show(job, Text(f"Job {job.id} is {job.status}.", "dim"))
        return
    from app.terminal.training import expect_learned, show_training

    try:
        if out.as_json:
            for event in client.follow(job.id):
                out.document(event)
            ended = client.job(job.id)
            out.document(ended)
            expect_learned(ended)
            return
        ended = show_training(out.console, client, job)
    except KeyboardInterrupt:
        out.console.print(goes_on(client, job.id), soft_wrap=True)
        raise
    ask = next_command(client, "ask", "--book", as_named(job.book, str(ended.version)), '"…"')
    out.console.print(Text(f"Version {ended.version} is learned. Ask it with:\n{ask}"), soft_wrap=True)


def goes_on(client: "Client", job: str) -> Text:
    """Say after Ctrl-C how to follow or stop a job, named by its id or book."""
    follow, cancel = (next_command(client, word, job) for word in ("follow", "cancel"))
    return Text(f"Learning goes on in the service. To follow it: {follow} · to stop it: {cancel}", "dim")
