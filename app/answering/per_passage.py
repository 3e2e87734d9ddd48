"""The ensemble: members read passages apart behind the skill, and their answers are weighted."""

from collections.abc import Callable, Iterator, Sequence

from app.answering.early_stopping import settled
from app.answering.election import elect
from app.answering.reader_assignment import READERS, Seat, seats
from app.answering.skill_in_force import SkillInForce
from app.answering.types import Candidate, Passage, PassageAnswer, Question, Verdict
from app.answering.voting import Embed, vote, vote_on_choices
from app.answering.weighting import softmax
from app.engine.engine import Engine
from app.engine.records import DecodeRequest, MemberId
from store.search.index import Hit, PassageIndex

ANSWER_TOKENS = 32
# How many passages are read at a time, where they were not read before; then all that are left.
WAVES = (2, 2)


class PerPassage:
    """Lets members answer behind one skill, learned or the instruction, each from passages of its own.

    Passages that were read before are answered from in one batch. Those that were not are read in `waves`,
    numbers of passages, the best first, and all that are left in the last wave. A wave that cannot change the
    answer any more is left out (adaptive consistency, 2305.11860). Without waves, all are one batch.
    """

    def __init__(
        self, engine: Engine, skill: SkillInForce, embed: Embed, *, waves: Sequence[int] = ()
    ) -> None:
        self._engine = engine
        self._skill = skill
        self._embed = embed
        self._waves = waves

    @property
    def skill_digest(self) -> str:
        """SHA-256 of the skill's bytes, in hex."""
        return self._skill.digest

    @property
    def powers(self) -> dict[str, float]:
        """What each thing that is known of a candidate counts in its weight, see `Weighting.powers`."""
        return self._skill.weighting.powers

    def unlearned(self, book: str) -> list[MemberId]:
        """Who answers about a book that nobody has learned: members as they start, else the bare LLM."""
        return self._engine.starting_members(book) or self.readers(book)

    def readers(self, book: str) -> list[MemberId]:
        """The readers that answer about a book without any member: the LLM with its skill."""
        return [MemberId(book)] * READERS

    def search(self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]) -> list[Hit]:
        """The best `k` passages of each book, which its own members read."""
        return [hit for book in books for hit in index.search(question, k or READERS, [book])]

    def candidates(
        self,
        question: Question,
        members: Sequence[MemberId],
        passages: Sequence[Passage],
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """The weighted answers, those from the best passages first; the passages come the best first too. The
        weights sum to 1.

        Of choices, each reader gives one candidate for every choice; in a mixture all readers say one thing.
        """
        if question.strategy == "choices":
            yield self._choose(question, seats(members, passages, 1))
            return
        taken = seats(members, passages, question.samples)
        adaptive = question.adaptive and question.strategy == "vote"
        heard: dict[int, PassageAnswer] = {}
        for wave in self._order(question, taken, self._waves if adaptive else ()):
            for number, answer in self._hear(question, taken, wave, wanted):
                heard[number] = answer
                numbers = sorted(heard)
                yield self._weighted([taken[each] for each in numbers], [heard[each] for each in numbers])
            rest = [seat.score for number, seat in enumerate(taken) if number not in heard]
            if not wanted() or settled(list(heard.values()), rest, self._skill.weighting):
                return

    def decide(
        self, question: Question, candidates: Sequence[Candidate], passages: Sequence[Passage]
    ) -> Verdict:
        """The answer that agrees best with what all say, by their weights, and how probable it is."""
        if question.strategy == "choices":
            votes = vote_on_choices(candidates)
            return Verdict(votes, votes[0].answer, votes[0].share)
        votes = vote(candidates, self._embed)
        known = None if question.strategy == "mixture" else self._skill.calibration
        if not votes:
            return Verdict([], "", 0.0, decline_below=None if known is None else known.decline_below)
        top = max([passage.score for passage in passages], default=0.0)
        best, evidence = elect(candidates, [one.weight for one in candidates], top)
        answer = candidates[best].text
        # The vote that holds the answer comes first, whatever its share.
        votes.sort(key=lambda each: all(candidate.text != answer for candidate in each.candidates))
        if known is None:
            return Verdict(votes, answer, evidence.worth)
        return Verdict(
            votes,
            answer,
            known.confidence(evidence),
            calibrated=True,
            answerable=known.answerable.probability(evidence),
            decline_below=known.decline_below,
        )

    def _weighted(self, taken: Sequence[Seat], heard: Sequence[PassageAnswer]) -> list[Candidate]:
        """What was heard from these seats as candidates, whose weights sum to 1."""
        weights = self._skill.weighting.weights(heard)
        return [
            Candidate(
                seat.member,
                answer.text,
                answer.log_likelihood,
                weight,
                seat.sample,
                _passage_id(seat),
                answer.answerable,
                answer.right,
            )
            for seat, answer, weight in zip(taken, heard, weights, strict=True)
        ]

    def _hear(
        self, question: Question, taken: Sequence[Seat], wave: Sequence[int], wanted: Callable[[], bool]
    ) -> Iterator[tuple[int, PassageAnswer]]:
        """What the seats with these numbers answer, each with its number, as it comes."""
        mixed = question.strategy == "mixture"
        shares = self._skill.weighting.shares([max(0.0, taken[number].score) for number in wave])
        requests = [
            DecodeRequest(
                taken[number].reading(question.text),
                ANSWER_TOKENS,
                question.temperature,
                seed=(question.seed or 0) + number,
                mixture=0 if mixed else None,
                share=share if mixed else 1.0,
                judged=self._skill.weighting.judges and not mixed,
            )
            for number, share in zip(wave, shares, strict=True)
        ]
        for place, reply in self._engine.answer(requests, wanted):
            yield wave[place], taken[wave[place]].heard(reply)

    def _choose(self, question: Question, taken: Sequence[Seat]) -> list[Candidate]:
        """A candidate for every seat and choice. Its weight is what the seat's passage is trusted with,
        shared among the choices by their likelihood per token; all weights sum to 1.
        """
        readings = [seat.reading(question.text) for seat in taken]
        judged = self._engine.judge(readings, question.choices)
        trust = self._skill.weighting.trust(
            [
                PassageAnswer("", one.answerable or 0.0, 0.0, max(0.0, seat.score))
                for seat, one in zip(taken, judged, strict=True)
            ]
        )
        found = []
        for seat, one, trusted in zip(taken, judged, trust, strict=True):
            means = [-loss.mean for loss in one.losses]
            for text, mean, share in zip(question.choices, means, softmax(means), strict=True):
                found.append(
                    Candidate(
                        seat.member,
                        text,
                        mean,
                        trusted * share,
                        seat.sample,
                        _passage_id(seat),
                        one.answerable,
                    )
                )
        return found

    def _order(self, question: Question, taken: Sequence[Seat], waves: Sequence[int]) -> Iterator[list[int]]:
        """Numbers of seats in waves, first those whose passages are the best or are read already."""
        if not waves:
            yield list(range(len(taken)))
            return
        read = self._engine.have_read([seat.reading(question.text) for seat in taken])
        first = [number for number, known in enumerate(read) if known or number < waves[0]]
        yield first
        rest = [number for number in range(len(taken)) if number not in first]
        start = 0
        for size in [*waves[1:], len(rest)]:
            if start < len(rest):
                yield rest[start : start + size]
            start += size


def _passage_id(seat: Seat) -> int | None:
    return None if seat.passage is None else seat.passage.id
