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
    seats = places(len(voices), [section for section, _ in found])
    contexts = readings.of(
        [voices[member] for member, _ in seats], [[story.sections[found[place][0]]] for _, place in seats]
    )
    return [
        Reader(voices[member], context, found[place][1])
        for (member, place), context in zip(seats, contexts, strict=True)
    ]
