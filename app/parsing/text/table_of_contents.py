"""Leaves out the headings that a table of contents lists."""

import re
from collections.abc import Callable, Sequence

from app.parsing.text.chapter_marks import ChapterMark

_CONTENTS = re.compile(
    r"^[^\w\n]*(?:(?:table of )?contents|inhalt(?:sverzeichnis|sübersicht)?|table des matières|sommaire|"
    r"índice|indice|sommario|sumário|inhoud(?:sopgave)?|spis treści|оглавление|содержание|"
    r"目录|目錄|目次|목차|차례)[^\w\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
# Under a listed heading stand its title and what the chapter is about, in so many characters at most.
_LONGEST_ENTRY = 300


def without_listed(
    text: str, marks: Sequence[ChapterMark], number: Callable[[ChapterMark], str]
) -> list[ChapterMark]:
    """Return the marks but those under a line such as `CONTENTS` that come again, with their chapters.

    `number` says what numbers a heading, "" where nothing does.
    """
    contents = _CONTENTS.search(text)
    first = next((n for n, mark in enumerate(marks) if contents and mark.start > contents.start()), None)
    if first is None:
        return list(marks)
    keys = [number(mark) or mark.title.casefold() for mark in marks]
    if keys[first] not in keys[first + 1 :]:
        return list(marks)
    again = keys.index(keys[first], first + 1)
    following = [*(mark.start for mark in marks[1:]), len(text)]
    under = [
        len(text[mark.end : next_start].strip()) for mark, next_start in zip(marks, following, strict=True)
    ]
    listed = {n for n in range(first, again) if keys[n] in keys[again:] and under[n] <= _LONGEST_ENTRY}
    # Headings with nothing under them make no chapters in any case.
    return [mark for n, mark in enumerate(marks) if n not in listed or not any(under[n] for n in listed)]
