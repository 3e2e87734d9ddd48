"""A story's sections read apart: each by a voice of its own."""

from collections.abc import Sequence

from app.chorus import Voice
from app.evaluation.data import Story
from app.readers import Reader, places
from app.readings import Readings


def apart(
    readings: Readings, voices: Sequence[Voice], story: Story, found: Sequence[tuple[int, float]]
) -> list[Reader]:
    """Readers of the sections that were found with their scores, those of the best first."""
    seats = sorted(
        zip(places(len(voices), [section for section, _ in found]), voices, strict=True), key=_first
    )
    contexts = readings.of(
        [voice for _, voice in seats], [[story.sections[found[place][0]]] for place, _ in seats]
    )
    return [
        Reader(voice, context, found[place][1])
        for (place, voice), context in zip(seats, contexts, strict=True)
    ]


def _first(seat: tuple[int, Voice]) -> int:
    return seat[0]
