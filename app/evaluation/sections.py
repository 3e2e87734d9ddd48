"""A story's sections read apart: each by a voice of its own."""

from collections.abc import Sequence

from app.answering.context_cache import Readings
from app.answering.readers import Reader, places
from app.datasets.questions import Story
from app.engine.member_cache import Voice


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
