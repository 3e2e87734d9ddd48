"""The commands about jobs: list them, follow one to its end, cancel one."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from app.cli.names import BookFilter, JobName, book_id, job_named
from app.cli.options import DEFAULT_URL, Key, Url, connect, next_command, print_line

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Job

app = typer.Typer()

# The same as app.schemas.JobStatus, which takes a while to import.
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@app.command("jobs")
def list_jobs(
    book: BookFilter = None,
    status: Annotated[list[Status] | None, typer.Option(help="Only those so far; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Jobs to show, the newest.")] = 20,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List the jobs that learn books, newest first: how far each is, when it ends, why it failed."""
    from app.terminal.jobs import jobs_table

    with connect(url, key) as client:
        chosen = None if book is None else book_id(client, book)
        Console().print(jobs_table(client.jobs(book=chosen, statuses=status or (), most=limit)))


@app.command()
def follow(job: JobName, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show a training until it ends, as add does."""
    with connect(url, key) as client:
        show_job(Console(), client, job_named(client, job), wait=True)


@app.command()
def cancel(job: JobName, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Cancel a job: at once where it waits, at its next step where it learns. No version comes of it."""
    from app.client import ClientError

    with connect(url, key) as client:
        now = client.cancel(job_named(client, job).id)
        if now.status in ("succeeded", "failed"):
            raise ClientError(f"Job {now.id} has ended already: it {now.status}.")
        print_line(
            f"Job {now.id} {'is cancelled' if now.status == 'cancelled' else 'ends at its next step'}."
        )


def show_job(console: Console, client: "Client", job: "Job", *, wait: bool) -> None:
    """Show a job until it ends; without `wait`, say that it is there."""
    if not wait:
        console.print(Text(f"Job {job.id} is {job.status}.", "dim"))
        return
    from app.terminal.training import show_training

    try:
        ended = show_training(console, client, job)
    except KeyboardInterrupt:
        follow, cancel = (next_command(client, word, job.id) for word in ("follow", "cancel"))
        said = f"Learning goes on in the service. Follow it with: {follow}. Stop it with: {cancel}."
        console.print(Text(said, "dim"), soft_wrap=True)
        raise
    console.print(Text(f"Version {ended.version} is learned. Ask it with:"))
    ask = next_command(client, "ask", "--book", f"{job.book}@{ended.version}", '"…"')
    console.print(Text(ask), soft_wrap=True)
