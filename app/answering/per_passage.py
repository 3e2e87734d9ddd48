"""The panel behind a skill prompt: members read passages apart, and their answers are weighed."""

from collections.abc import Callable, Iterator, Sequence

from app.answering.calibration import elected
from app.answering.context_cache import Readings
from app.answering.early_stopping import settled
from app.answering.readers import READERS, Reader, Said, ask, judge, mixed, places, rows, said, unlearned
from app.answering.skill import LoadedSkill
from app.answering.strategy import Verdict
from app.answering.voting import Embed, chosen, vote
from app.answering.weighting import softmax
from app.engine.engine import Engine
from app.engine.member_cache import Voice
from app.schemas import AskRequest, Candidate, Citation
from store.search.index import Hit, PassageIndex
from trainer.llm import templates

# How many passages are read at a time, where they were not yet; then all that are left.
WAVES = (2, 2)
# Who reads what: a voice, the number of its sample, and its passage.
_Seat = tuple[Voice, int, Citation | None]


class Ensemble:
    """Lets members answer behind one skill prompt; what they have read takes at most `most_bytes`.

    Passages that were read before are answered from in one batch. Those that were not are read in `waves`,
    numbers of passages, the best first and the last wave being all that are left: a wave that cannot change
    the answer any more is spared (adaptive consistency, 2305.11860). Without waves, all are one batch.
    """

    def __init__(
        self,
        engine: Engine,
        skill: LoadedSkill,
        embed: Embed,
        *,
        waves: Sequence[int] = (),
        most_bytes: int = 1 << 30,
    ) -> None:
        self._engine = engine
        self._skill = skill
        self._embed = embed
        self._waves = waves
        self._readings = Readings(
            engine.llm,
            skill.skill.context(engine.llm),
            most_bytes=most_bytes,
            run=lambda work: engine.first(work).result(),
        )

    def unlearned(self, book: str) -> list[Voice]:
        """Who answers about a book that nobody has learned: members as they start, or the LLM as it is."""
        return unlearned(book, self._skill.skill)

    def find(self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]) -> list[Hit]:
        """The best `k` passages of each book, which its own members read."""
        return [hit for book in books for hit in index.search(question, k or READERS, [book])]

    def reads(self, question: str, voices: Sequence[Voice], quotes: Sequence[Citation]) -> list[Citation]:
        """All quotes, the best first."""
        return sorted(quotes, key=lambda quote: -quote.score)

    def candidates(
        self,
        request: AskRequest,
        voices: Sequence[Voice],
        quotes: Sequence[Citation],
        *,
        seed: int = 0,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """The weighed answers, `samples` to each passage, those to the best first; quotes are the best first
        too. Their weights are together 1.

        Each passage is read by a voice of its book, and for its sample j that j places on. Of
        choices, each voice gives one candidate for every choice; in a mixture, all and all samples say one
        thing.
        """
        seats = _seats(voices, quotes, 1 if request.choices else request.samples or 1)
        if request.choices:
            yield self._choose(seats, request.question, request.choices)
            return
        mixture = request.strategy == "mixture"
        heard: dict[int, Said] = {}
        waves = [] if mixture or not request.adaptive else self._waves
        for wave in self._order(seats, waves):
            for number, one in self._hear(request, [(each, seats[each]) for each in wave], seed, wanted):
                heard[number] = one
                given = sorted(heard)
                yield self._weighed([heard[each] for each in given], [seats[each] for each in given])
            rest = [_score(quote) for number, (_, _, quote) in enumerate(seats) if number not in heard]
            if not wanted() or settled(list(heard.values()), rest, self._skill.weighting):
                return

    def decide(
        self, request: AskRequest, candidates: Sequence[Candidate], quotes: Sequence[Citation]
    ) -> Verdict:
        """The answer that fits best with what all say, by their weights, and how probable it is."""
        if request.choices:
            votes = chosen(candidates)
            return Verdict(votes, votes[0].answer, votes[0].share)
        votes = vote(candidates, self._embed)
        if not votes:
            return Verdict([], "", 0.0)
        top = max([quote.score for quote in quotes], default=0.0)
        best, evidence = elected(candidates, [one.weight for one in candidates], top)
        answer = candidates[best].text
        # The vote that holds the answer comes first, whatever its share.
        votes.sort(key=lambda ballot: all(each.text != answer for each in ballot.candidates))
        calibration = self._skill.calibration
        if calibration is None or request.strategy == "mixture":
            return Verdict(votes, answer, evidence.worth)
        return Verdict(
            votes,
            answer,
            calibration.confidence(evidence),
            calibrated=True,
            told=calibration.told.probability(evidence),
        )

    def _hear(
        self,
        request: AskRequest,
        wave: Sequence[tuple[int, _Seat]],
        seed: int,
        wanted: Callable[[], bool],
    ) -> Iterator[tuple[int, Said]]:
        """What a wave of seats says, each with its number, as it comes."""
        llm = self._engine.llm
        readers = self._readers([seat for _, seat in wave])
        numbers = [number for number, _ in wave]
        seeds = [seed + number for number in numbers]
        question = templates.question(llm, request.question)
        decoded = rows(llm, readers, question, temperature=request.temperature or 0.0, seeds=seeds)
        if request.strategy == "mixture":
            shares = self._skill.weighting.shares([reader.retrieval for reader in readers])
            decoded = mixed(decoded, shares)
        for place, completion in self._engine.follow(decoded, lambda _: wanted()):
            [one] = said(llm, [readers[place]], [completion])
            yield numbers[place], one

    def _choose(self, seats: Sequence[_Seat], question: str, choices: Sequence[str]) -> list[Candidate]:
        """A candidate for every seat and choice; its weight is what the seat's passage is trusted with,
        shared among the choices by their likelihood per token. All weights together are 1.
        """
        llm = self._engine.llm
        readers = self._readers(seats)
        judged = self._engine.first(
            lambda: judge(llm, ask(llm, readers, question), question, choices)
        ).result()
        trust = self._skill.weighting.trust(
            [
                Said("", one.answerable, 0.0, reader.retrieval)
                for reader, one in zip(readers, judged, strict=True)
            ]
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

    def _order(self, seats: Sequence[_Seat], waves: Sequence[int]) -> Iterator[list[int]]:
        """The numbers of the seats, those first that have the best passages or cost the least."""
        if not waves:
            yield list(range(len(seats)))
            return
        first = [
            number
            for number, (voice, _, quote) in enumerate(seats)
            if number < waves[0] or self._readings.known(voice, [] if quote is None else [quote.text])
        ]
        yield first
        rest = [number for number in range(len(seats)) if number not in first]
        start = 0
        for size in [*waves[1:], len(rest)]:
            if start < len(rest):
                yield rest[start : start + size]
            start += size

    def _readers(self, seats: Sequence[_Seat]) -> list[Reader]:
        """The voices in these seats, once they have read their passages."""
        contexts = self._readings.of(
            [voice for voice, _, _ in seats],
            [[] if quote is None else [quote.text] for _, _, quote in seats],
        )
        return [
            Reader(voice, context, max(0.0, _score(quote)))
            for (voice, _, quote), context in zip(seats, contexts, strict=True)
        ]

    def _weighed(self, heard: Sequence[Said], seats: Sequence[_Seat]) -> list[Candidate]:
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


def _score(quote: Citation | None) -> float:
    return 0.0 if quote is None else quote.score


def _seats(voices: Sequence[Voice], quotes: Sequence[Citation], samples: int) -> list[_Seat]:
    """Who reads what, the best passages first."""
    found: list[_Seat] = []
    for book in dict.fromkeys(voice.book for voice in voices):
        own = [quote for quote in quotes if quote.book == book]
        readers = [voice for voice in voices if voice.book == book]
        for member, place in places(len(readers), [quote.passage for quote in own]):
            for sample in range(samples):
                quote = own[(place + sample) % len(own)] if own else None
                found.append((readers[member], sample, quote))
    return sorted(found, key=lambda seat: -_score(seat[2]))
