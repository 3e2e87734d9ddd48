"""From a question to a voted, cited answer: find the book, read its passages, let all members answer."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from app.answering.abstention import abstention
from app.answering.citations import cited
from app.answering.contribution import MembersChoice
from app.answering.panel import UNTRAINED, Panels
from app.answering.per_passage import PerPassage
from app.answering.question_check import check_question
from app.answering.retrieval import Retrieval
from app.answering.types import (
    Answer,
    AnswerEvent,
    Candidate,
    Citation,
    Heard,
    Panel,
    Passage,
    Question,
    Retrieved,
    Scope,
    Timings,
)
from app.engine.engine import Engine
from app.engine.errors import UnwantedError
from store import books, versions
from store.aliases import CHAMPION
from store.database import Database
from store.errors import NotFoundError, VersionPrunedError
from store.tables import Version

log = logging.getLogger(__name__)


class Answering:
    """Answers questions from the books of one store, with the members of one engine and one ensemble."""

    def __init__(
        self,
        database: Database,
        retrieval: Retrieval,
        engine: Engine,
        ensemble: PerPassage,
        answered: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        """Each answer is also told to `answered`."""
        self._database = database
        self._retrieval = retrieval
        self._engine = engine
        self._ensemble = ensemble
        self._answered = answered
        self._panels = Panels(database, engine, ensemble)

    def answer(
        self,
        question: Question,
        scope: Scope = Scope(),  # noqa: B008 - frozen, and empty
        *,
        wanted: Callable[[], bool] = lambda: True,
        passages: int | None = None,
        min_confidence: float | None = None,
        require_trained: bool = False,
        members: MembersChoice = "auto",
    ) -> Answer:
        """Answer a question; blocks until all members have. Arguments and errors are those of `events`."""
        *_, last = self.events(
            question,
            scope,
            wanted=wanted,
            passages=passages,
            min_confidence=min_confidence,
            require_trained=require_trained,
            members=members,
        )
        assert isinstance(last, Answer)
        return last

    def search(self, words: str, count: int, scope: Scope) -> list[Passage]:
        """The `count` passages that fit these words best, best first, and no answer; see `Retrieval.search`.

        Raises QuestionError for words that cannot be asked, NotFoundError for a book that is not there.
        """
        check_question(words, self._engine.count_tokens)
        return self._retrieval.search(words, count, scope)

    def events(
        self,
        question: Question,
        scope: Scope = Scope(),  # noqa: B008 - frozen, and empty
        *,
        about: str = "",
        every_candidate: bool = False,
        wanted: Callable[[], bool] = lambda: True,
        passages: int | None = None,
        min_confidence: float | None = None,
        require_trained: bool = False,
        members: MembersChoice = "auto",
    ) -> Iterator[AnswerEvent]:
        """Answer a question, and yield what happens: `Retrieved`, then `Answer`, and between them `Heard` for
        every candidate where that is asked for.

        `about` is what was spoken of before: it helps to find passages. `passages` is how many are read, None
        leaves it to the ensemble. Below `min_confidence` the answer is an abstention: 0 always answers, None
        leaves it to the skill's calibration. `members` says whether those of a version answer, see
        `Panels.choose`. Once the answer is not `wanted` any more, the events end with UnwantedError.

        Raises at once, before the first event: QuestionError for a question that cannot be asked,
        NotFoundError for an unknown book or version, VersionPrunedError for a version without members,
        NothingToAskError for an empty library, NoBookFitsError where no book is in the scope,
        DamagedArtifactError when all members of a version are damaged, and NotReadyError where members are
        required and a book has none.
        """
        started = time.monotonic()
        check_question(question.text, self._engine.count_tokens)
        sought = f"{about} {question.text}".strip()
        while True:
            asked = self._books(scope, sought)
            try:
                panel = self._panels.choose(asked, members, require_trained=require_trained)
                break
            except VersionPrunedError:
                # Since it was looked up: an alias is on another version by now, a number is refused.
                continue
        names = [book for book, _ in asked]
        panel = self._with_search(panel, names)
        found = self._retrieval.passages(
            lambda: self._ensemble.search(self._retrieval.index, sought, passages, names)
        )
        read = sorted(found, key=lambda passage: -passage.score)
        seconds = time.monotonic() - started
        return self._heard(question, Retrieved(read, panel), seconds, every_candidate, wanted, min_confidence)

    def _heard(
        self,
        question: Question,
        found: Retrieved,
        retrieve: float,
        every_candidate: bool,
        wanted: Callable[[], bool],
        min_confidence: float | None,
    ) -> Iterator[AnswerEvent]:
        """The events of a question whose passages took `retrieve` seconds to find."""
        yield found
        started = time.monotonic()
        if question.seed is None:
            question = replace(question, seed=random.randrange(2**31))
        candidates: list[Candidate] = []
        growing = self._ensemble.candidates(question, found.panel.members, found.passages, wanted)
        with self._engine.question():
            log.debug("members are asked")
            for candidates in growing:
                if every_candidate:
                    yield Heard(len(candidates), self._ensemble.decide(question, candidates, found.passages))
            log.debug("members have answered")
        if not wanted():
            raise UnwantedError()
        generated = time.monotonic()
        verdict = self._ensemble.decide(question, candidates, found.passages)
        declined = abstention(verdict, min_confidence)
        ended = time.monotonic()
        answer = Answer(
            question=question.text,
            strategy=question.strategy,
            verdict=verdict,
            abstention=declined,
            # Where no answer is given, no sentence supports it: these are the closest places, the best first.
            powers=self._ensemble.powers,
            threshold=verdict.decline_below if min_confidence is None else min_confidence,
            citations=cited(found.passages, verdict, question.text)
            if declined is None
            else [Citation(passage, None) for passage in found.passages],
            panel=found.panel,
            timings=Timings(
                retrieve=retrieve,
                generate=generated - started,
                vote=ended - generated,
                total=retrieve + ended - started,
            ),
        )
        self._answered(answer)
        yield answer

    def _with_search(self, panel: Panel, names: list[str]) -> Panel:
        """The panel, which also says where passages of the books are found by their words alone.

        That is over in a minute, and helps more to know than that a book has no version yet.
        """
        lacking = self._retrieval.index.by_words_alone(names) if panel.degraded in (None, UNTRAINED) else []
        if not lacking:
            return panel
        told = (
            f"the passages of {', '.join(lacking)} are found by their words alone until all are embedded: "
            "ask again in a minute"
        )
        return replace(panel, degraded=f"unembedded: {told}")

    def _books(self, scope: Scope, sought: str) -> list[tuple[str, Version | None]]:
        """The books to ask, each with its version: those named, else the one that fits the question best."""
        names = scope.books or [self._retrieval.best_book(sought, scope)]
        asked: dict[str, Version | None] = {}
        with self._database.read() as session:
            for name in names:
                book, _, reference = name.partition("@")
                books.get(session, book, scope.owner)
                try:
                    asked[book] = versions.get_live(session, book, reference or CHAMPION)
                except NotFoundError:
                    if reference:
                        raise
                    asked[book] = None
        return list(asked.items())
