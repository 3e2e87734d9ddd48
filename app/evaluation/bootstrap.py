"""What intervals resample: stories with all of their questions, or every question alone."""

from collections.abc import Collection, Sequence
from typing import Literal

Bootstrap = Literal["story", "question"]


def possible(stories: Collection[str], wanted: Bootstrap) -> Bootstrap:
    """What can be resampled of questions about these stories: of a single story, its questions alone."""
    return wanted if len(set(stories)) > 1 else "question"


def clusters(stories: Sequence[str], wanted: Bootstrap) -> Sequence[str] | None:
    """The groups that `metrics.interval` draws, from each question's story; None for single questions."""
    return stories if possible(stories, wanted) == "story" else None
