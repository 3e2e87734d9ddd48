"""Stories and questions with known answers, from FairytaleQA's files or from JSONL."""

import csv
import hashlib
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.parsing.text.headings import chapters
from store.segmentation import passages

SECTION_TOKENS = 200
ANSWERS = tuple(f"answer{number}" for number in range(1, 7))
STORY_END = "-story.csv"
QUESTIONS_END = "-questions.csv"


class DataError(ValueError):
    """The files cannot be evaluated on; the message is one line that says where and why."""


@dataclass(frozen=True, slots=True)
class Story:
    """A text in sections, and the collection it was printed in where that is known."""

    name: str
    sections: list[str]
    origin: str | None

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of its text: the same story, whatever it is called."""
        return hashlib.sha256("\n".join(self.sections).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question about one story, numbered from 1 in it, and what it is marked by.

    `gold` are the sections that hold the answer, counted from 0, none when unknown; `choices` are the options
    of a multiple-choice question.
    """

    story: str
    number: int
    text: str
    answers: list[str]
    gold: list[int]
    choices: list[str]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Stories in the order of their names, and their questions, story by story."""

    stories: list[Story]
    questions: list[LabelledQuestion]

    def of(self, names: Collection[str]) -> "Dataset":
        """The stories of these names, with their questions."""
        return Dataset(
            [story for story in self.stories if story.name in names],
            [question for question in self.questions if question.story in names],
        )

    def other(self, name: str) -> str | None:
        """The story whose questions are asked of this one too, which does not tell; None if it is alone."""
        names = [story.name for story in self.stories]
        return names[names.index(name) - 1] if len(names) > 1 else None


class _Line(BaseModel):
    model_config = ConfigDict(strict=True)

    book: str = Field(min_length=1)
    question: str = Field(min_length=1)
    answers: list[str] = Field(min_length=1)
    choices: list[str] = []


def words(text: str) -> int:
    """Count what stands between white space."""
    return len(text.split())


def load_dataset(
    path: Path, stories: int | None = None, count_tokens: Callable[[str], int] = words
) -> Dataset:
    """Read the first `stories` stories by name, or all, with their questions.

    A folder is a split of FairytaleQA: `stories/NAME-story.csv` and `questions/NAME-questions.csv`, with the
    origins in `story_meta.csv` beside the folder. A file is JSONL: a line has `book` (a text file, relative
    to the JSONL), `question`, `answers` and maybe `choices`; the book's sections are passages of at most
    `SECTION_TOKENS` by `count_tokens`. DataError: something is missing, broken or empty.
    """
    if stories is not None and stories < 1:
        raise ValueError(f"At least one story is read, not {stories}.")
    if path.is_dir():
        dataset = _read_split(path, stories)
    elif path.is_file():
        dataset = _read_jsonl(path, stories, count_tokens)
    else:
        raise DataError(f"{path}: there is no such file or folder.")
    if not dataset.questions:
        raise DataError(f"{path}: there are no questions.")
    return dataset


def by_origin(dataset: Dataset) -> Dataset:
    """Join the stories of each origin, one after the other, into one book of the origin's name.

    Questions are numbered anew in their book. A story of unknown origin stays a book of its own.
    """
    books: dict[str, Story] = {}
    places: dict[str, tuple[str, int]] = {}
    for story in dataset.stories:
        name = story.origin or story.name
        book = books.setdefault(name, Story(name, [], story.origin))
        places[story.name] = name, len(book.sections)
        book.sections.extend(story.sections)
    asked: dict[str, list[LabelledQuestion]] = {name: [] for name in books}
    for question in dataset.questions:
        name, shift = places[question.story]
        gold = [section + shift for section in question.gold]
        asked[name].append(replace(question, story=name, number=len(asked[name]) + 1, gold=gold))
    names = sorted(books)
    return Dataset([books[name] for name in names], [each for name in names for each in asked[name]])


def sampled(dataset: Dataset, per_story: int | None, seed: int = 0) -> Dataset:
    """Keep at most `per_story` questions of each story, evenly spread over them; None keeps all.

    The seed chooses where in a story the spread begins; the same seed keeps the same questions.
    """
    if per_story is None:
        return dataset
    if per_story < 1:
        raise ValueError(f"At least one question of a story is kept, not {per_story}.")
    kept: list[LabelledQuestion] = []
    for story in dataset.stories:
        own = [question for question in dataset.questions if question.story == story.name]
        if len(own) > per_story:
            start = random.Random(f"{seed} {story.name}").random()
            own = [own[int((start + step) * len(own) / per_story)] for step in range(per_story)]
        kept += own
    return Dataset(dataset.stories, kept)


def _read_split(path: Path, stories: int | None) -> Dataset:
    for folder in ("stories", "questions"):
        if not (path / folder).is_dir():
            raise DataError(f"{path}: the folder {folder} is missing.")
    names = _names(path / "stories", STORY_END)
    asked = _names(path / "questions", QUESTIONS_END)
    for name in sorted(names ^ asked):
        raise DataError(f"{path}: {name} has no {'questions' if name in names else 'story'}.")
    origins = _origins(path.parent / "story_meta.csv")
    found = Dataset([], [])
    for name in sorted(names)[:stories]:
        sections, places = _sections(path / "stories" / f"{name}{STORY_END}")
        found.stories.append(Story(name, sections, origins.get(name)))
        found.questions.extend(_questions(path / "questions" / f"{name}{QUESTIONS_END}", name, places))
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
    rows = enumerate(_rows(file, ("question", "cor_section", ANSWERS[0])), start=1)
    for number, (line, row) in rows:
        answers = _distinct(row.get(column, "") for column in ANSWERS)
        if not row["question"] or not answers:
            raise DataError(
                f"{file}, line {line}: the {'answer' if row['question'] else 'question'} is empty."
            )
        gold: set[int] = set()
        for section in filter(None, (part.strip() for part in row["cor_section"].split(","))):
            if section not in places:
                raise DataError(f"{file}, line {line}: the story has no section {section!r}.")
            gold.update(places[section])
        yield LabelledQuestion(story, number, row["question"], answers, sorted(gold), [])


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


def _read_jsonl(path: Path, stories: int | None, count_tokens: Callable[[str], int]) -> Dataset:
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
        if not _distinct(line.answers) or not line.question.strip():
            raise DataError(f"{path}, line {number}: the question or its answer is empty.")
    found = Dataset([], [])
    for name in sorted(asked)[:stories]:
        where = f"{path}, line {first_named[name]}"
        sections = _cut(_text(path.parent / name, where), name, count_tokens)
        if not sections:
            raise DataError(f"{where}: the book {name} is empty.")
        found.stories.append(Story(name, sections, None))
        found.questions.extend(
            LabelledQuestion(name, number, line.question.strip(), _distinct(line.answers), [], line.choices)
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


def _distinct(texts: Iterator[str] | list[str]) -> list[str]:
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _why(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]
