"""The trial of a version: what its members add to answers, before it is published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from app.answering.contribution import Contribution
from app.answering.per_passage import WAVES, PerPassage
from app.answering.reader_assignment import READERS
from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill
from app.answering.types import Passage, Question
from app.answering.voting import Embed
from app.datasets.metrics import paired_interval, rouge_l
from app.engine.given_members import GivenMembers
from app.engine.local_engine import LocalEngine
from app.engine.runner import DirectRunner
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.pause import Pause
from trainer.methods.members import Members
from trainer.objectives.study_question import StudyQuestion

# Differences on fewer questions than this have no interval.
_LEAST = 5
# A trial keeps little of what it reads: after it, its members are read by the service's own engine.
_CONTEXT_BYTES = 256 << 20


@dataclass(frozen=True)
class Posed:
    """A question of a trial, with the answer that is expected and the passages that were found for it."""

    question: str
    answer: str
    passages: Sequence[Passage]


@dataclass(frozen=True)
class Scored:
    """How good the answer to each question was, by ROUGE-L."""

    scores: Sequence[float]


@dataclass(frozen=True)
class Asked:
    """So many questions of a trial were asked."""

    questions: int


class Trial:
    """Asks questions about a book as users' questions are asked: found, read apart, elected."""

    def __init__(self, llm: FrozenLLM, skill: LoadedSkill, retrieval: Retrieval, embed: Embed) -> None:
        self._llm = llm
        self._skill = skill
        self._retrieval = retrieval
        self._embed = embed

    def pose(self, book: str, questions: Sequence[StudyQuestion]) -> list[Posed]:
        """Find the passages for these questions; the LLM is not asked. NotFoundError: the book is gone."""
        index = self._retrieval.index
        return [
            Posed(
                one.question,
                one.answer,
                self._retrieval.passages(partial(index.search, one.question, READERS, [book])),
            )
            for one in questions
        ]

    def score(
        self, book: str, questions: Sequence[Posed], members: Members | None
    ) -> Iterator[Pause | Asked | Scored]:
        """Ask all questions of these members, or of readers without members; yields pauses, and how many were
        asked after each, then the scores.

        The LLM works on the thread that asks for the next piece.
        """
        given = GivenMembers(None if members is None else members.detached(self._llm.device))
        engine = LocalEngine(
            DirectRunner(self._llm), given, skill=self._skill.skill, most_bytes=_CONTEXT_BYTES
        )
        waves = WAVES if engine.on_cpu else ()
        ensemble = PerPassage(engine, self._skill, self._embed, waves=waves)
        readers = given.roster(book, 1).members or ensemble.readers(book)
        scores: list[float] = []
        for posed in questions:
            question = Question(posed.question, seed=0)
            for candidates in ensemble.candidates(question, readers, posed.passages):  # noqa: B007
                yield Pause()
            answer = ensemble.decide(question, candidates, posed.passages).answer
            scores.append(rouge_l(answer, [posed.answer]))
            yield Asked(len(scores))
        yield Scored(scores)


def contribution_of(scores: Sequence[float], others: Sequence[float]) -> Contribution | None:
    """How far the scores of some answers are above those of others to the same questions; None where one of
    the two is not known.
    """
    if not scores or not others:
        return None
    low, high = paired_interval(scores, others) if len(scores) >= _LEAST else (None, None)
    difference = fmean(scores) - fmean(others)
    return Contribution(difference=difference, low=low, high=high, questions=len(scores))
