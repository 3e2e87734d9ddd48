"""The ensemble behind a skill prompt: each member reads a passage of its own, and its answer is weighed."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from app.chorus import Voice
from app.engine import Engine
from app.readers import Reader, Said, ask, rows, said
from app.schemas import Candidate, Citation
from app.skills import LoadedSkill
from trainer import turns
from trainer.context import Context, read

_BATCH = 4


class Ensemble:
    """Lets members answer behind one skill prompt.

    What the LLM has read of passages is kept, the least recently asked forgotten first once it takes over
    `most_bytes` of memory.
    """

    def __init__(self, engine: Engine, skill: LoadedSkill, *, most_bytes: int = 512 << 20) -> None:
        self._engine = engine
        self._skill = skill
        self._closed = skill.skill.context(engine.llm)
        self._most_bytes = most_bytes
        self._contexts: OrderedDict[str, Context] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def candidates(
        self,
        question: str,
        voices: Sequence[Voice],
        quotes: Sequence[Citation],
        *,
        samples: int = 1,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Candidate]:
        """The weighed answers of all voices, `samples` each; quotes are the best first.

        Member i of a book reads the passage of rank i among the book's, and sample j of it j places on.
        """
        llm = self._engine.llm
        places = self._places(voices, quotes, samples)
        contexts = self._read([quote for _, _, quote in places])
        top = max([quote.score for quote in quotes], default=1.0)
        readers = [
            Reader(voice, context, 0.0 if quote is None else max(0.0, quote.score / max(top, 1e-6)))
            for (voice, _, quote), context in zip(places, contexts, strict=True)
        ]
        asked = self._engine.first(lambda: ask(llm, readers, question)).result()
        wanted = rows(llm, asked, question, temperature=temperature, seed=seed)
        completions = self._engine.ask(wanted).result()
        return self._weighed(said(llm, asked, completions), places)

    def _places(
        self, voices: Sequence[Voice], quotes: Sequence[Citation], samples: int
    ) -> list[tuple[Voice, int, Citation | None]]:
        """Who reads what: a voice, the number of its sample, and its passage."""
        counts: dict[str, int] = {}
        places: list[tuple[Voice, int, Citation | None]] = []
        for voice in voices:
            own = [quote for quote in quotes if quote.book == voice.book]
            number = counts[voice.book] = counts.get(voice.book, -1) + 1
            for sample in range(samples):
                rank = (number + sample) % len(own) if own else 0
                places.append((voice, sample, own[rank] if own else None))
        return places

    def _read(self, quotes: Sequence[Citation | None]) -> list[Context]:
        """What the LLM has read of each passage; of none, the skill prompt alone."""
        llm = self._engine.llm
        found: dict[str, Context] = {}
        texts = list(dict.fromkeys(quote.text for quote in quotes if quote is not None))
        with self._lock:
            for text in texts:
                if text in self._contexts:
                    self._contexts.move_to_end(text)
                    found[text] = self._contexts[text]
        missing = [text for text in texts if text not in found]
        for first in range(0, len(missing), _BATCH):
            batch = missing[first : first + _BATCH]
            tokens = [turns.passages(llm, [text]) for text in batch]
            contexts = self._engine.first(lambda tokens=tokens: read(llm, tokens, self._closed)).result()  # type: ignore[misc]
            found.update(zip(batch, contexts, strict=True))
        with self._lock:
            for text in missing:
                if text not in self._contexts:
                    self._contexts[text] = found[text]
                    self._bytes += found[text].nbytes
            while self._bytes > self._most_bytes and len(self._contexts) > 1:
                self._bytes -= self._contexts.popitem(last=False)[1].nbytes
        return [self._closed if quote is None else found[quote.text] for quote in quotes]

    def _weighed(
        self, heard: Sequence[Said], places: Sequence[tuple[Voice, int, Citation | None]]
    ) -> list[Candidate]:
        return [
            Candidate(
                book=voice.book,
                version=voice.version,
                member=voice.member,
                sample=sample,
                text=one.text,
                log_likelihood=one.log_likelihood,
                weight=weight,
                passage=None if quote is None else quote.passage,
                answerable=one.answerable,
            )
            for (voice, sample, quote), one, weight in zip(
                places, heard, self._skill.weighting.weights(heard), strict=True
            )
        ]
