"""A thread as Markdown: its questions and answers, with the places that they were read in."""

import re
from collections.abc import Iterator

from app import schemas

# Where there is no answer.
_PLACES = 3
# What Markdown reads as more than text, anywhere and at the start of a paragraph.
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_STARTS = re.compile(r"^(\d+(?=[.)])|(?=[-+=]))")


def markdown(thread: schemas.WholeThread) -> str:
    """The thread; what books and people wrote is text in it, and never markup."""
    parts = [f"# {_text(thread.title)}"] if thread.title else []
    for turn in thread.turns:
        parts += _turn(turn)
    return "\n\n".join(parts) + "\n"


def _turn(turn: schemas.Turn) -> Iterator[str]:
    answer = turn.answer
    yield f"## {_text(answer.question)}"
    if answer.abstained is None:
        yield _text(answer.answer or "")
    else:
        yield f"No answer: {_text(answer.abstained.detail)}"
    for one in answer.read_in or answer.citations[:_PLACES]:
        quoted = one.text if one.support is None else one.support.text
        yield f"> {_text(quoted)}\n>\n> — {_place(one, gone=one.passage in turn.gone)}"


def _place(one: schemas.Citation, *, gone: bool) -> str:
    page = one.on_pages() if one.page is None else f"page {one.page}"
    named = [_text(each) for each in (one.author, one.chapter, page) if each]
    left = ["no longer in the library"] if gone else []
    return ", ".join([f"*{_text(one.title)}*", *named, *left])


def _text(text: str) -> str:
    """A text in one line, as Markdown that shows it as it is."""
    plain = _MARKS.sub(r"\\\1", " ".join(text.split()))
    return _STARTS.sub(r"\1\\", plain)
