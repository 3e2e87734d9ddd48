"""What the command line shows of books."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from app.schemas import Book, BookState
from app.terminal.theme import ACCENT, BAD, GAIN, WARN, counted, plain, ruled_table, titled

_STATES: dict[BookState, str] = {"ready": GAIN, "training": ACCENT, "queued": WARN, "untrained": BAD}


def books_table(books: Sequence[Book]) -> RenderableType:
    """Show the books, or how to add the first one."""
    if not books:
        return Text.assemble("No books yet. Add one with: ", ("bookchorus add FILE", "bold"))
    table = ruled_table()
    # At least as wide as an id, so that it can be copied from one line.
    table.add_column("book", ratio=1, width=21, overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("aliases", no_wrap=True)
    table.add_column("chapters", justify="right")
    table.add_column("characters", justify="right")
    for book in books:
        tags = f"tagged {', '.join(book.tags)}" if book.tags else None
        aliases = [plain(f"{name} → {number}", ACCENT) for name, number in sorted(book.aliases.items())]
        table.add_row(
            Text("\n").join(
                [titled(book.title, book.author, tags, book.id), *_hints(book), *warning_lines(book)]
            ),
            Text(f"● {book.state}", _STATES[book.state]),
            Text("\n").join(aliases),
            f"{len(book.chapters):,}",
            f"{book.characters:,}",
        )
    return table


def added_text(book: Book, *, learned: bool) -> Text:
    """Say that a book is there, how large it is where it is to be `learned`, and what could not be read."""
    name = plain(book.title, "bold").append(f" ({book.id})", "dim")
    size = f"{counted(book.passages, 'passage')} in {counted(len(book.chapters), 'chapter')}"
    name.append(f" · {size}" if learned else f" is here already: {book.state}", "not bold")
    return Text("\n").join([name, *warning_lines(book)])


def _hints(book: Book) -> list[Text]:
    return [] if book.embedded else [Text("found by its words alone until a worker has embedded it", WARN)]


def warning_lines(book: Book) -> list[Text]:
    """What of the book's file is not in its text: a line for each warning."""
    return [Text.assemble(("warning: ", WARN), plain(warning)) for warning in book.warnings]
