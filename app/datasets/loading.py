"""Loads a dataset, whatever its format."""

from collections.abc import Callable
from pathlib import Path

from app.datasets.fairytaleqa import read_split
from app.datasets.jsonl import read_jsonl
from app.datasets.questions import DataError, Dataset


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
    200 tokens by `count_tokens`. DataError: something is missing, broken or empty.
    """
    if stories is not None and stories < 1:
        raise ValueError(f"At least one story is read, not {stories}.")
    if path.is_dir():
        dataset = read_split(path, stories)
    elif path.is_file():
        dataset = read_jsonl(path, stories, count_tokens)
    else:
        raise DataError(f"{path}: there is no such file or folder.")
    if not dataset.questions:
        raise DataError(f"{path}: there are no questions.")
    return dataset
