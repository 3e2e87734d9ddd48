"""What is read out of real files: chapters, pages, passages, time, and how much of another reader's words.

    .venv/bin/python -m tests.benchmarks.formats --data PATH [PATH ...]

A PATH is a file or a folder of books. Their words are compared with those of `pdftotext` (poppler) for PDF,
and of `pandoc` for EPUB, DOCX and HTML, where these are installed. `found` is the share of the other's words
that are here, `own` the share of the words here that the other has too, both regardless of order, and `order`
the share of the other's runs of five words that are here as such. The other keeps what is left out here:
running headers, page numbers, contents. `listed` says how many of the entries of the file's own outline (PDF,
its first three levels) or table of contents (EPUB) are titles of chapters here, in the same order; of a DOCX
how many of its headings, of HTML those of the first three levels. `warnings` counts what the book says is
left out.
"""

import argparse
import re
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import closing
from difflib import SequenceMatcher
from pathlib import Path
from shutil import which

import lxml.html
import pypdfium2
from lxml import etree

from app.parsing.parsed import Format, ParsedBook, ParseError
from app.parsing.sandbox import ParserSandbox
from store.segmentation import passages

_SUFFIXES = {".txt", ".md", ".html", ".epub", ".pdf", ".docx"}
# A sign of Chinese, Japanese and Korean is a word.
_WORD = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u9fff\uac00-\ud7af]+")
_RUN = 5
_LEVELS = 3
_WORDPROCESSING = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_HEADINGS = (
    "//w:p[w:pPr/w:pStyle[@w:val='Heading1' or @w:val='Heading2' or @w:val='Heading3' or @w:val='Title']]"
)
_CONTENTS = "//*[local-name()='nav'][@*[local-name()='type']='toc']"
_POINTS = "//*[local-name()='navPoint']/*[local-name()='navLabel']"
_RECOVERING = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
_COLUMNS = [
    *("file", "format, producer", "chapters", "listed", "pages", "characters", "passages", "seconds"),
    *("found", "own", "order", "warnings"),
]
_PRODUCER = re.compile(
    rb"/Producer ?\((?:\xfe\xff)?([^()]+)|<Application>([^<]+)|name=\"generator\" content=\"([^\"]+)"
    rb"|content=\"([^\"]+)\" name=\"generator\""
)


def producer(file: Path, form: Format) -> str:
    """The program that made a file, where it says so."""
    data = file.read_bytes()
    if form in ("epub", "docx"):
        with zipfile.ZipFile(file) as archive:
            about = [name for name in archive.namelist() if name.endswith((".opf", "app.xml", ".xhtml"))]
            data = b"".join(archive.read(name) for name in about)
    found = _PRODUCER.search(data)
    name = next(filter(None, found.groups())) if found else b""
    return " ".join(name.replace(b"\0", b"").decode("ascii", "ignore").split()[:2])


def reference(file: Path, form: Format) -> str | None:
    """The words that another reader finds; None where there is none."""
    if form == "pdf":
        command = ["pdftotext", "-enc", "UTF-8", str(file), "-"]
    else:
        command = ["pandoc", "-f", form, "-t", "plain", "--wrap=none", str(file)]
    if form in ("txt", "md") or which(command[0]) is None:
        return None
    ended = subprocess.run(command, capture_output=True, check=False)
    return ended.stdout.decode(errors="replace") if ended.returncode == 0 else None


def own_titles(file: Path, form: Format) -> list[str]:
    """The titles in the file's own outline, table of contents or headings."""
    if form == "pdf":
        with closing(pypdfium2.PdfDocument(file)) as document:
            return [each.get_title() for each in document.get_toc() if each.level < _LEVELS]
    if form == "html":
        root = lxml.html.parse(file).getroot()
        return [each.text_content() for each in root.iter("h1", "h2", "h3")]
    if form not in ("epub", "docx"):
        return []
    with zipfile.ZipFile(file) as archive:
        if form == "docx":
            root = etree.fromstring(archive.read("word/document.xml"))
            styles = root.xpath(_HEADINGS, namespaces={"w": _WORDPROCESSING})
            return ["".join(each.itertext(f"{{{_WORDPROCESSING}}}t")) for each in styles]
        names = archive.namelist()
        for name in names:
            root = etree.fromstring(archive.read(name), _RECOVERING) if name.endswith("html") else None
            tables = [] if root is None else root.xpath(_CONTENTS)
            if tables:
                return ["".join(each.itertext()) for each in tables[0].iter("{*}a")]
        for name in (each for each in names if each.endswith(".ncx")):
            root = etree.fromstring(archive.read(name), _RECOVERING)
            return ["".join(each.itertext()) for each in root.xpath(_POINTS)]
    return []


def listed(file: Path, book: ParsedBook) -> str:
    """How many of the file's own titles are those of chapters, in their order, of how many."""
    wanted = ["".join(words(title)) for title in own_titles(file, book.format)]
    found = ["".join(words(chapter.title)) for chapter in book.chapters]
    same = SequenceMatcher(None, wanted, found, autojunk=False).get_matching_blocks()
    return f"{sum(block.size for block in same)} of {len(wanted)}" if wanted else ""


def words(text: str) -> list[str]:
    """The words of a text, those that a hyphen parts at a line's end put together."""
    return [
        word.casefold() for word in _WORD.findall(re.sub(r"(?<=\w)[-\u2010\u00ad]\n(?=[a-zà-ÿ])", "", text))
    ]


def share(wanted: Iterable[Hashable], found: Iterable[Hashable]) -> float:
    """The share of what is wanted that is found, each as often as it is wanted."""
    wanted, found = Counter(wanted), Counter(found)
    return (wanted & found).total() / max(wanted.total(), 1)


def runs(said: list[str]) -> Iterator[tuple[str, ...]]:
    """Every run of five words."""
    return zip(*(said[first:] for first in range(_RUN)), strict=False)


def row(file: Path) -> list[str]:
    """The cells of a file."""
    data = file.read_bytes()
    begun = time.monotonic()
    try:
        book = ParserSandbox(seconds=60, memory_bytes=1_000_000_000).parse_blocking(data, file.name)
    except ParseError as error:
        return [file.name, *[""] * 6, f"{time.monotonic() - begun:.1f}", error.slug, "", "", ""]
    seconds = time.monotonic() - begun
    # Four characters to a token, nearly.
    cut = passages(book.text, book.chapters, lambda text: len(text) // 4 + 1, language=book.language)
    other = reference(file, book.format)
    ours, theirs = words(book.text), words(other or "")
    compared = [share(theirs, ours), share(ours, theirs), share(runs(theirs), runs(ours))]
    return [
        file.name,
        f"{book.format} {producer(file, book.format)}".strip(),
        str(len(book.chapters)),
        listed(file, book),
        str(len(book.pages) or ""),
        f"{len(book.text):,}",
        f"{len(cut):,}",
        f"{seconds:.1f}",
        *(f"{each:.3f}".lstrip("0") if other else "" for each in compared),
        str(len(book.warnings) or ""),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="PATH")
    given = parser.parse_args().data
    files = [file for path in given for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    print("|", " | ".join(_COLUMNS), "|")
    print("|---" * len(_COLUMNS) + "|")
    for file in files:
        if file.suffix.lower() in _SUFFIXES and file.name != "README.md":
            print("|", " | ".join(row(file)), "|", flush=True)


if __name__ == "__main__":
    main()
