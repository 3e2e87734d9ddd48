"""The command line. Commands import what they need themselves, so that `bookchorus ask` starts at once."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from app.client import Client

app = typer.Typer(
    help="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
Url = Annotated[str, typer.Option(envvar="BOOKCHORUS_URL", help="Where the service answers.")]
Key = Annotated[
    str | None, typer.Option(envvar="BOOKCHORUS_ADMIN_KEY", help="The service's admin key.", show_envvar=True)
]
DEFAULT_URL = "http://127.0.0.1:8000"


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
    with _failing_in_one_line():
        if end_with_stdin:
            from app import child

            child.end_with_stdin()
        from app.settings import load

        settings = load({name: value for name, value in given.items() if value is not None})
        from app.serve import serve

        serve(settings)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="The book's text: .txt or .md.", metavar="FILE")],
    title: Annotated[str | None, typer.Option(help="The book's title.")] = None,
    author: Annotated[str | None, typer.Option(help="The book's author.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag to find it by; repeatable.")] = None,
    recipe: Annotated[str | None, typer.Option(help="How to learn it, as JSON.")] = None,
    wait: Annotated[bool, typer.Option(help="Show the training until it ends.")] = True,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Upload a book and learn it."""
    from app.draw import plain
    from app.schemas import ENDED

    chosen = None if recipe is None else _recipe(recipe)
    console = Console()
    with _failing_in_one_line(), _client(url, admin_key) as client:
        with console.status("uploads the book"):
            added = client.add(file, title=title, author=author, tags=tag or (), recipe=chosen)
        book, job = added.book, added.job
        name = plain(book.title, "bold").append(f" ({book.id})", "dim")
        if job is None or job.status in ENDED:
            console.print(name.append(f" is here already: {book.state}", "not bold"))
            return
        console.print(
            name.append(f" · {book.passages:,} passages in {len(book.chapters):,} chapters", "not bold")
        )
        if not wait:
            console.print(Text(f"Job {job.id} is {job.status}.", "dim"))
            return
        from app.watch import watch

        try:
            ended = watch(console, client, job, book.title)
        except KeyboardInterrupt:
            console.print(Text(f"Learning goes on in the service as job {job.id}.", "dim"))
            raise
        console.print(Text(f"Version {ended.version} is learned. Ask it with: bookchorus ask").append(' "…"'))


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
    from app.draw import answer_panel, so_far

    console = Console()
    with _failing_in_one_line(), _client(url, admin_key) as client:
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
    from app.draw import books_table

    with _failing_in_one_line(), _client(url, admin_key) as client:
        Console().print(books_table(client.books()))


@app.command()
def prompts(
    book: Annotated[str | None, typer.Option(help="Only those of this book id.")] = None,
    alias: Annotated[str | None, typer.Option(help="Only those with this alias.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only those of this LLM.")] = None,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """List the learned prompts: versions, members, LLM, losses, aliases."""
    from app.draw import prompts_table

    with _failing_in_one_line(), _client(url, admin_key) as client:
        Console().print(prompts_table(client.prompts(book=book, alias=alias, base_model=base_model)))


@app.command()
def demo(
    then_exit: Annotated[bool, typer.Option("--exit", help="Stop at the end, for scripts.")] = False,
) -> None:
    """Start the service, learn a sample book, and ask it three questions."""
    from app.demo import demo

    with _failing_in_one_line():
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

    chosen = None if recipe is None else _recipe(recipe)
    with _failing_in_one_line():
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


skill = typer.Typer(help="The skill prompt: how to answer from a passage.", no_args_is_help=True)
app.add_typer(skill, name="skill")


@skill.command("train")
def train_skill(
    data: Annotated[Path, typer.Option(help="Questions to learn from: a split's folder or a JSONL file.")],
    recipe: Annotated[str | None, typer.Option(help="How to learn, as JSON.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the skill and what training needs to go on.")] = Path(
        "skill"
    ),
    start: Annotated[Path | None, typer.Option(help="Go on from this skill prompt's file.")] = None,
    licence: Annotated[str, typer.Option(help="The data's licence, for the record.")] = "unknown",
    register: Annotated[bool, typer.Option(help="Make it the LLM's champion in the registry.")] = True,
) -> None:
    """Learn a skill prompt for the LLM; a run that was stopped goes on where it was."""
    from app.skills.training import train

    chosen = None if recipe is None else _recipe(recipe)
    with _failing_in_one_line():
        train(Console(), data, chosen or {}, out, licence, start=start, register=register)


def main() -> None:
    """Run the command line; the entry point of `bookchorus`."""
    for stream in (sys.stdout, sys.stderr):
        # Bars and book text must not end a command on a terminal that knows ASCII only.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="bookchorus")


def _client(url: str, admin_key: str | None) -> "Client":
    from app.client import Client

    return Client(url, admin_key)


def _recipe(text: str) -> dict[str, Any]:
    try:
        recipe = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--recipe") from error
    if not isinstance(recipe, dict):
        raise typer.BadParameter('expected an object such as {"budget_seconds": 600}', param_hint="--recipe")
    return recipe


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    """Turn the failures a user can meet into red words on standard error and exit status 1."""
    from app.client import ClientError
    from app.errors import StartupError

    try:
        yield
    except (ClientError, StartupError) as error:
        Console(stderr=True, soft_wrap=True).print(Text(str(error), "red"))
        raise typer.Exit(1) from error


if __name__ == "__main__":
    main()
