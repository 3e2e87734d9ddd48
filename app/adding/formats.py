"""Which files are books by their names, and which format of one book is read best."""

from pathlib import Path

from app.parsing.parsed import Format

ENDINGS: dict[str, Format] = {
    ".epub": "epub",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "md",
    ".markdown": "md",
    ".txt": "txt",
    ".text": "txt",
    ".pdf": "pdf",
}
# An EPUB has chapters and a language, a PDF neither paragraphs nor, often, chapters.
BEST_FIRST: tuple[Format, ...] = ("epub", "docx", "html", "md", "txt", "pdf")


def named_format(file: Path) -> Format | None:
    """Return the format that a file's name promises; None for a file that is no book by its name."""
    return ENDINGS.get(file.suffix.lower())


def rank(file: Path) -> int:
    """Return how well a file's format is read: 0 for the best, the most for what is no book by its name."""
    found = named_format(file)
    return len(BEST_FIRST) if found is None else BEST_FIRST.index(found)
