"""The ensemble behind a skill prompt: each member reads a passage of its own, and its answer is weighed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from app.chorus import Voice
from app.engine import Engine
from app.readers import Reader, Said, ask, judge, places, rows, said, unlearned
from app.readings import Readings
from app.schemas import Candidate, Citation
from app.skills import LoadedSkill
from app.weighting import softmax


class Ensemble:
    """Lets members answer behind one skill prompt; what they have read takes at most `most_bytes`."""

    def __init__(self, engine: Engine, skill: LoadedSkill, *, most_bytes: int = 1 << 30) -> None:
        self._engine = engine
        self._skill = skill
        self._readings = Readings(
            engine.llm,
            skill.skill.context(engine.llm),
            most_bytes=most_bytes,
            run=lambda work: engine.first(work).result(),
        )

    def unlearned(self, book: str) -> list[Voice]:
        """Who answers about a book that nobody has learned: members as they start, or the LLM as it is."""
        return unlearned(book, self._skill.skill)

    def candidates(
        self,
        question: str,
        voices: Sequence[Voice],
        quotes: Sequence[Citation],
        *,
        samples: int = 1,
        temperature: float = 0.0,
        seed: int = 0,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """The weighed answers of all voices, `samples` each; quotes are the best first.

        Yields all that were given whenever there is one more, in the order of the voices, their weights
        together 1. Each voice of a book reads one of the book's best passages, and sample j of it that j
        places on. Voices fall silent once nothing is `wanted` any more.
        """
        llm = self._engine.llm
        seats, asked = self._asked(question, voices, quotes, samples)
        heard: dict[int, Said] = {}
        decoded = rows(llm, asked, question, temperature=temperature, seed=seed)
        for number, completion in self._engine.follow(decoded, lambda _: wanted()):
            [heard[number]] = said(llm, [asked[number]], [completion])
            given = sorted(heard)
            yield self._weighed([heard[each] for each in given], [seats[each] for each in given])

    def choose(
        self, question: str, voices: Sequence[Voice], quotes: Sequence[Citation], choices: Sequence[str]
    ) -> list[Candidate]:
        """A candidate for every voice and choice; its weight is what the voice's passage is trusted with,
        shared among the choices by their likelihood per token. All weights together are 1.
        """
        llm = self._engine.llm
        seats, asked = self._asked(question, voices, quotes, 1)
        judged = self._engine.first(lambda: judge(llm, asked, question, choices)).result()
        trust = self._skill.weighting.trust(
            [Said(reader, "", one.answerable, 0.0) for reader, one in zip(asked, judged, strict=True)]
        )
        found = []
        for (voice, sample, quote), one, trusted in zip(seats, judged, trust, strict=True):
            means = [-each.loss / max(1, each.tokens) for each in one.references]
            for text, mean, share in zip(choices, means, softmax(means), strict=True):
                found.append(
                    voice.candidate(
                        text,
                        mean,
                        trusted * share,
                        sample=sample,
                        passage=_passage(quote),
                        answerable=one.answerable,
                    )
                )
        return found

    def _asked(
        self, question: str, voices: Sequence[Voice], quotes: Sequence[Citation], samples: int
    ) -> tuple[list[tuple[Voice, int, Citation | None]], list[Reader]]:
        """Who reads what, and the readers once they have read it and heard the question."""
        llm = self._engine.llm
        seats = _seats(voices, quotes, samples)
        contexts = self._readings.of(
            [voice for voice, _, _ in seats],
            [[] if quote is None else [quote.text] for _, _, quote in seats],
        )
        top = max([quote.score for quote in quotes], default=1.0)
        readers = [
            Reader(voice, context, 0.0 if quote is None else max(0.0, quote.score / max(top, 1e-6)))
            for (voice, _, quote), context in zip(seats, contexts, strict=True)
        ]
        return seats, self._engine.first(lambda: ask(llm, readers, question)).result()

    def _weighed(
        self, heard: Sequence[Said], seats: Sequence[tuple[Voice, int, Citation | None]]
    ) -> list[Candidate]:
        weights = self._skill.weighting.weights(heard)
        return [
            voice.candidate(
                one.text,
                one.log_likelihood,
                weight,
                sample=sample,
                passage=_passage(quote),
                answerable=one.answerable,
            )
            for (voice, sample, quote), one, weight in zip(seats, heard, weights, strict=True)
        ]


def _passage(quote: Citation | None) -> int | None:
    return None if quote is None else quote.passage


def _seats(
    voices: Sequence[Voice], quotes: Sequence[Citation], samples: int
) -> list[tuple[Voice, int, Citation | None]]:
    """Who reads what: a voice, the number of its sample, and its passage; in the order of the voices."""
    reads: dict[str, Iterator[int]] = {}
    own: dict[str, list[Citation]] = {}
    for book, count in Counter(voice.book for voice in voices).items():
        own[book] = [quote for quote in quotes if quote.book == book]
        reads[book] = iter(places(count, [quote.passage for quote in own[book]]))
    found: list[tuple[Voice, int, Citation | None]] = []
    for voice in voices:
        passages = own[voice.book]
        first = next(reads[voice.book])
        for sample in range(samples):
            quote = passages[(first + sample) % len(passages)] if passages else None
            found.append((voice, sample, quote))
    return found
