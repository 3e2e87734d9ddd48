"""The everyday commands: run the service, add a book, ask, list, measure."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from app.cli.options import DEFAULT_URL, Key, Url, connected, failing_in_one_line, json_object

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Job
# As app.schemas.VersionState, which takes a while to import.
State = Literal["live", "damaged", "pruned"]

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where books and prompts are kept.")] = None,
    model: Annotated[str | None, typer.Option(help='"embedded", a Hugging Face id, or a folder.')] = None,
    quantization: Annotated[str | None, typer.Option(help="auto, int8, nf4 or none.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1.")] = None,
    end_with_stdin: Annotated[bool, typer.Option("--end-with-stdin", hidden=True)] = False,
) -> None:
    """Run the service. What is not given here comes from BOOKCHORUS_... variables."""
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "model": model,
        "quantization": quantization,
        "device": device,
    }
    with failing_in_one_line():
        if end_with_stdin:
            from app.cli import child_process

            child_process.end_with_stdin()
        from app.settings import load

        settings = load({name: value for name, value in given.items() if value is not None})
        from app.http.server import serve

        serve(settings)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="The book: txt, md, html, epub, pdf or docx.", metavar="FILE")],
    title: Annotated[str | None, typer.Option(help="The book's title.")] = None,
    author: Annotated[str | None, typer.Option(help="The book's author.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag to find it by; repeatable.")] = None,
    recipe: Annotated[str | None, typer.Option(help="How to learn it, as JSON.")] = None,
    revises: Annotated[str | None, typer.Option(help="It is a new edition of this book id.")] = None,
    wait: Annotated[bool, typer.Option(help="Show the training until it ends.")] = True,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Upload a book and learn it."""
    from app.schemas import ENDED
    from app.terminal.answers import plain

    chosen = None if recipe is None else json_object(recipe)
    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        with console.status("uploads the book"):
            added = client.add(
                file, title=title, author=author, tags=tag or (), recipe=chosen, revises=revises
            )
        book, job = added.book, added.job
        name = plain(book.title, "bold").append(f" ({book.id})", "dim")
        if job is None or job.status in ENDED:
            console.print(name.append(f" is here already: {book.state}", "not bold"))
            return
        console.print(
            name.append(f" · {book.passages:,} passages in {len(book.chapters):,} chapters", "not bold")
        )
        _followed(console, client, job, book.title, wait=wait)


@app.command()
def train(
    book: Annotated[str, typer.Argument(help="The book's id.", metavar="BOOK")],
    parent: Annotated[int | None, typer.Option(help="Go on from this version.")] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Keep the parent as it is and learn new virtual tokens behind.")
    ] = False,
    recipe: Annotated[str | None, typer.Option(help="How to learn it, as JSON.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make it the champion even if it is worse.")] = False,
    wait: Annotated[bool, typer.Option(help="Show the training until it ends.")] = True,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Learn another version of a book; it becomes the champion if it is no worse."""
    chosen = None if recipe is None else json_object(recipe)
    if append:
        chosen = {**(chosen or {}), "append": True}
    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        job = client.train(book, recipe=chosen, parent=parent, force=force)
        _followed(console, client, job, client.book(book).title, wait=wait)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    book: Annotated[list[str] | None, typer.Option(help="Ask this id, or id@alias; repeatable.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Ask a book by this one; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Ask a book with this tag; repeatable.")] = None,
    k: Annotated[int | None, typer.Option(help="How many passages to read.")] = None,
    samples: Annotated[int | None, typer.Option(help="How many answers of each member.")] = None,
    temperature: Annotated[float | None, typer.Option(help="How freely the members speak.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same answer again.")] = None,
    min_confidence: Annotated[float | None, typer.Option(help="Below it, no answer but the reason.")] = None,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Ask the members; they answer, vote, and say where they read it."""
    from app.terminal.answers import answer_panel, so_far

    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        with console.status("the members answer") as status:
            answer = client.ask(
                question,
                books=book or None,
                authors=author or None,
                tags=tag or None,
                k=k,
                samples=samples,
                temperature=temperature,
                seed=seed,
                min_confidence=min_confidence,
                heard=lambda heard: status.update(so_far(heard)),
            )
        console.print(answer_panel(answer))


@app.command()
def books(url: Url = DEFAULT_URL, admin_key: Key = None) -> None:
    """List the books."""
    from app.terminal.answers import books_table

    with failing_in_one_line(), connected(url, admin_key) as client:
        Console().print(books_table(client.books()))


@app.command()
def prompts(
    book: Annotated[str | None, typer.Option(help="Only those of this book id.")] = None,
    alias: Annotated[str | None, typer.Option(help="Only those with this alias.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only those of this LLM.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """List the learned prompts: versions, members, LLM, losses, aliases."""
    from app.terminal.answers import prompts_table

    with failing_in_one_line(), connected(url, admin_key) as client:
        found = client.prompts(book=book, alias=alias, base_model=base_model, state=state)
        Console().print(prompts_table(found))


@app.command()
def demo(
    then_exit: Annotated[bool, typer.Option("--exit", help="Stop at the end, for scripts.")] = False,
) -> None:
    """Start the service, learn a sample book, and ask it three questions."""
    from app.cli.demo import demo

    with failing_in_one_line():
        demo(Console(), then_exit=then_exit)


@app.command("eval")
def evaluate(
    data: Annotated[Path, typer.Option(help="A split's folder (stories/, questions/), or a JSONL file.")],
    systems: Annotated[str, typer.Option(help="Which to compare, with commas, or all.")] = "all",
    stories: Annotated[int | None, typer.Option(help="The first so many stories.")] = None,
    questions: Annotated[int, typer.Option(help="At most so many questions a story; 0 for all.")] = 12,
    quick: Annotated[bool, typer.Option("--quick", help="4 stories, 6 questions each.")] = False,
    unseen: Annotated[
        bool, typer.Option(help="Leave out the stories that the skill prompt has learned from.")
    ] = False,
    long_books: Annotated[bool, typer.Option("--long", help="Join all stories of one origin.")] = False,
    recipe: Annotated[str | None, typer.Option(help="How members are learned, as JSON.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw the pictures into this folder.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where versions and answers are kept.")] = None,
) -> None:
    """Measure how good answers are, system by system, on questions with known answers."""
    from app.evaluation.command import evaluate as run

    chosen = None if recipe is None else json_object(recipe)
    with failing_in_one_line():
        run(
            Console(),
            data,
            systems=systems,
            stories=4 if quick and stories is None else stories,
            questions=6 if quick else questions,
            unseen=unseen,
            long_books=long_books,
            recipe=chosen or {},
            json_file=json_file,
            plots=plots,
            cache=cache,
        )


def _followed(console: Console, client: "Client", job: "Job", title: str, *, wait: bool) -> None:
    """Show a job until it ends, or, with no wish to wait, that it is there."""
    if not wait:
        console.print(Text(f"Job {job.id} is {job.status}.", "dim"))
        return
    from app.terminal.training import watch

    try:
        ended = watch(console, client, job, title)
    except KeyboardInterrupt:
        console.print(Text(f"Learning goes on in the service as job {job.id}.", "dim"))
        raise
    hint = f"bookchorus ask --book {job.book}@{ended.version} "
    console.print(Text(f"Version {ended.version} is learned. Ask it with: {hint}").append('"…"'))
