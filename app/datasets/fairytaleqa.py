"""FairytaleQA's files: one CSV of sections and one of questions for each story."""

import csv
from collections.abc import Iterator
from pathlib import Path

from app.datasets.questions import DataError, Dataset, LabelledQuestion, Story, distinct

_ANSWERS = tuple(f"answer{number}" for number in range(1, 7))
_STORY_END = "-story.csv"
_QUESTIONS_END = "-questions.csv"


def read_split(path: Path, stories: int | None) -> Dataset:
    """Read the first `stories` stories of a split by name, or all. DataError: a file is missing or broken."""
    for folder in ("stories", "questions"):
        if not (path / folder).is_dir():
            raise DataError(f"{path}: the folder {folder} is missing.")
    names = _names(path / "stories", _STORY_END)
    asked = _names(path / "questions", _QUESTIONS_END)
    for name in sorted(names ^ asked):
        raise DataError(f"{path}: {name} has no {'questions' if name in names else 'story'}.")
    origins = _origins(path.parent / "story_meta.csv")
    found = Dataset([], [])
    for name in sorted(names)[:stories]:
        sections, places = _sections(path / "stories" / f"{name}{_STORY_END}")
        found.stories.append(Story(name, sections, origins.get(name)))
        found.questions.extend(_questions(path / "questions" / f"{name}{_QUESTIONS_END}", name, places))
    return found


def _names(folder: Path, end: str) -> set[str]:
    return {file.name.removesuffix(end) for file in folder.glob(f"*{end}")}


def _origins(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    return {row["filename"]: row["origin"] for _, row in _rows(file, ("filename", "origin")) if row["origin"]}


def _sections(file: Path) -> tuple[list[str], dict[str, list[int]]]:
    """Return a story's sections, and where each section number stands; some files use a number twice."""
    sections: list[str] = []
    places: dict[str, list[int]] = {}
    for _, row in _rows(file, ("section", "text")):
        places.setdefault(row["section"], []).append(len(sections))
        sections.append(row["text"])
    if not sections:
        raise DataError(f"{file}: the story is empty.")
    return sections, places


def _questions(file: Path, story: str, places: dict[str, list[int]]) -> Iterator[LabelledQuestion]:
    # Counted, since some files use a question_id twice.
    rows = enumerate(_rows(file, ("question", "cor_section", _ANSWERS[0])), start=1)
    for number, (line, row) in rows:
        answers = distinct(row.get(column, "") for column in _ANSWERS)
        if not row["question"] or not answers:
            raise DataError(
                f"{file}, line {line}: the {'answer' if row['question'] else 'question'} is empty."
            )
        gold: set[int] = set()
        for section in filter(None, (part.strip() for part in row["cor_section"].split(","))):
            if section not in places:
                raise DataError(f"{file}, line {line}: the story has no section {section!r}.")
            gold.update(places[section])
        yield LabelledQuestion(
            story, number, row["question"], answers, sorted(gold), [], row.get("attribute1") or None
        )


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file that has these columns, each with the line it begins on."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, strict=True)
            for column in columns:
                if column not in (rows.fieldnames or ()):
                    raise DataError(f"{file}, line 1: the column {column} is missing.")
            line = rows.line_num + 1
            try:
                for row in rows:
                    yield line, {key: (value or "").strip() for key, value in row.items() if key is not None}
                    line = rows.line_num + 1
            except csv.Error as error:
                raise DataError(f"{file}, line {line}: {error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: the text is not UTF-8.") from error
