"""The ensemble on an LLM without a skill: all members read the same passages, in one context."""

import math
from collections.abc import Callable, Iterator, Sequence

from app.answering.chat_turn import chat_turn, fitting
from app.answering.types import Candidate, Passage, Question, Verdict
from app.answering.voting import Embed, vote, vote_on_choices
from app.answering.weighting import softmax
from app.engine.engine import Engine
from app.engine.records import DecodeRequest, MemberId, Reply
from store.search.index import Hit, PassageIndex

# Answers are short; a member that rambles is cut.
_ANSWER_TOKENS = 40
# How many passages are read where a question does not say.
_PASSAGES = 3
_TEMPERATURE = 0.3
# The bare LLM answers as often as a small chorus, so that there is something to vote on.
_BARE_SAMPLES = 4


class SharedContext:
    """Lets members answer on one engine, all from the same few passages."""

    def __init__(self, engine: Engine, embed: Embed) -> None:
        self._engine = engine
        self._embed = embed

    def unlearned(self, book: str) -> list[MemberId]:
        """Who answers about a book that nobody has learned: the bare LLM."""
        return [MemberId(book)]

    def search(self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]) -> list[Hit]:
        """The best `k` passages of all the books together."""
        return index.search(question, k or _PASSAGES, books)

    def reading_order(
        self, question: str, members: Sequence[MemberId], passages: Sequence[Passage]
    ) -> list[Passage]:
        """The passages that the LLM's context has room for with every member, in book order."""
        most = self._engine.context_tokens - _ANSWER_TOKENS
        distinct = dict.fromkeys(members)
        return fitting(
            passages,
            lambda kept: all(
                self._engine.count_positions(chat_turn(member, question, kept)) <= most for member in distinct
            ),
        )

    def candidates(
        self,
        question: Question,
        members: Sequence[MemberId],
        passages: Sequence[Passage],
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """The members' answers, `samples` each, in the order of the members. Each weighs as much as it is
        likely to its member: exp of the mean log-likelihood per token.

        Of choices, each member gives one candidate for every choice; in a mixture all say the same.
        """
        if question.strategy == "choices":
            yield self._choose(question, members, passages)
            return
        wished = question.samples or 1
        entries = [(member, sample) for member in members for sample in range(_samples(member, wished))]
        temperature = _TEMPERATURE if question.temperature is None else question.temperature
        requests = [
            DecodeRequest(
                chat_turn(member, question.text, passages),
                _ANSWER_TOKENS,
                temperature,
                seed=(question.seed or 0) + number,
                mixture=sample if question.strategy == "mixture" else None,
            )
            for number, (member, sample) in enumerate(entries)
        ]
        heard: dict[int, Candidate] = {}
        for number, reply in self._engine.answer(requests, wanted):
            heard[number] = _candidate(*entries[number], reply)
            yield [heard[each] for each in sorted(heard)]

    def decide(
        self, question: Question, candidates: Sequence[Candidate], passages: Sequence[Passage]
    ) -> Verdict:
        """The heaviest vote; the confidence is its share."""
        votes = (
            vote_on_choices(candidates) if question.strategy == "choices" else vote(candidates, self._embed)
        )
        return Verdict(votes, votes[0].answer, votes[0].share) if votes else Verdict([], "", 0.0)

    def _choose(
        self, question: Question, members: Sequence[MemberId], passages: Sequence[Passage]
    ) -> list[Candidate]:
        """A candidate for every member and choice, weighted by the choice's likelihood per token to the
        member; a member's weights sum to 1.
        """
        turns = [chat_turn(member, question.text, passages) for member in members]
        found = []
        for member, judged in zip(members, self._engine.judge(turns, question.choices), strict=True):
            means = [-loss.mean for loss in judged.losses]
            for text, mean, share in zip(question.choices, means, softmax(means), strict=True):
                found.append(Candidate(member, text, mean, share))
        return found


def _candidate(member: MemberId, sample: int, reply: Reply) -> Candidate:
    return Candidate(member, reply.text, reply.log_likelihood, math.exp(reply.log_likelihood), sample)


def _samples(member: MemberId, wanted: int) -> int:
    return max(wanted, _BARE_SAMPLES) if member.member is None else wanted
