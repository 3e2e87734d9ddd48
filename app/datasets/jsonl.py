"""Questions as JSONL: a line for each, which names the text file of its book."""

from collections.abc import Callable
from pathlib import Path, PurePath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.datasets.questions import DataError, Dataset, LabelledQuestion, Story, distinct
from app.parsing.text.headings import chapters
from store.segmentation import passages

SECTION_TOKENS = 200


class _Line(BaseModel):
    model_config = ConfigDict(strict=True)

    book: str = Field(min_length=1)
    question: str = Field(min_length=1)
    answers: list[str] = Field(min_length=1)
    choices: list[str] = []


def read_jsonl(path: Path, stories: int | None, count_tokens: Callable[[str], int]) -> Dataset:
    """Read the questions about the first `stories` books by name, or about all.

    A book is cut into sections of at most `SECTION_TOKENS`. DataError: a line or a book is broken or missing.
    """
    asked: dict[str, list[_Line]] = {}
    first_named: dict[str, int] = {}
    for number, text in enumerate(_text(path, str(path)).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            line = _Line.model_validate_json(text)
        except ValidationError as error:
            raise DataError(f"{path}, line {number}: {_why(error)}.") from error
        name = PurePath(line.book).as_posix()
        first_named.setdefault(name, number)
        asked.setdefault(name, []).append(line)
        if not distinct(line.answers) or not line.question.strip():
            raise DataError(f"{path}, line {number}: the question or its answer is empty.")
    found = Dataset([], [])
    for name in sorted(asked)[:stories]:
        where = f"{path}, line {first_named[name]}"
        sections = _cut(_text(path.parent / name, where), name, count_tokens)
        if not sections:
            raise DataError(f"{where}: the book {name} is empty.")
        found.stories.append(Story(name, sections, None))
        found.questions.extend(
            LabelledQuestion(name, number, line.question.strip(), distinct(line.answers), [], line.choices)
            for number, line in enumerate(asked[name], start=1)
        )
    return found


def _text(file: Path, where: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{where}: {file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: {file} is not UTF-8.") from error


def _cut(text: str, name: str, count_tokens: Callable[[str], int]) -> list[str]:
    spans = chapters(text, "md" if name.lower().endswith((".md", ".markdown")) else "txt")
    return [text[span.start : span.end] for span in passages(text, spans, count_tokens, SECTION_TOKENS)]


def _why(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]
