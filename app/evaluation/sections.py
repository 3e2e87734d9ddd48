"""A story's sections, read apart: each once, behind the skill prompt, however many are asked about it."""

from collections.abc import Sequence

from app.chorus import Voice
from app.evaluation.data import Story
from app.readers import Reader
from trainer import turns
from trainer.context import Context, read
from trainer.frozen import FrozenLLM


class Sections:
    """What the LLM has read of a story's sections behind `closed`, the skill prompt alone."""

    def __init__(self, llm: FrozenLLM, story: Story, closed: Context) -> None:
        self._llm = llm
        self._story = story
        self._closed = closed
        self._read: dict[int, Context] = {}

    def readers(self, voices: Sequence[Voice], found: Sequence[tuple[int, float]]) -> list[Reader]:
        """Voice i reads the section found in place i, from the first again where fewer were found."""
        missing = [section for section, _ in found[: len(voices)] if section not in self._read]
        if missing:
            texts = [turns.passages(self._llm, [self._story.sections[section]]) for section in missing]
            self._read.update(zip(missing, read(self._llm, texts, self._closed), strict=True))
        places = [found[number % len(found)] for number in range(len(voices))]
        return [
            Reader(voice, self._read[section], score)
            for voice, (section, score) in zip(voices, places, strict=True)
        ]
