"""From a question to a voted, cited answer: find the book, read its passages, let all members answer."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from app.answering.citations import support
from app.answering.prompt import check_question
from app.answering.strategy import Panel, Verdict
from app.engine.engine import Engine, UnwantedError
from app.engine.member_cache import Choruses, Voice
from app.schemas import (
    Abstained,
    Answer,
    AskEvent,
    AskRequest,
    Candidate,
    Citation,
    Heard,
    Retrieved,
    Span,
    Timings,
    VersionUsed,
)
from store import books, jobs, versions
from store.aliases import CHAMPION
from store.database import Database
from store.errors import NotFoundError, VersionPrunedError
from store.passages import get_passages, page_labels
from store.search.index import PassageIndex
from store.tables import Job, Version


class NothingToAskError(Exception):
    """There is no book to ask."""


class NoBookFitsError(Exception):
    """No book is within the authors and tags that a question is limited to."""

    def __init__(self, authors: Sequence[str] | None, tags: Sequence[str] | None) -> None:
        by = f" by {_any_of(authors)}" if authors else ""
        tagged = f" with the tag {_any_of(tags)}" if tags else ""
        super().__init__(f"There is no book{by}{tagged}.")


class NotReadyError(Exception):
    """A book has no version that can answer, and the caller wants no other answer."""

    def __init__(self, book: str, job: Job | None) -> None:
        doing = "nothing is learning it" if job is None else f"its last job is {job.status}"
        super().__init__(f"{book} has no version that can answer yet: {doing}.")
        self.book = book
        self.job = None if job is None else job.id
        self.progress = None if job is None else job.progress


class Answering:
    """Answers questions with the books, prompts and passages of one store and the LLM of one engine."""

    def __init__(
        self, database: Database, index: PassageIndex, engine: Engine, choruses: Choruses, panel: Panel
    ) -> None:
        self._database = database
        self._index = index
        self._engine = engine
        self._choruses = choruses
        self._panel = panel

    def answer(self, request: AskRequest, *, wanted: Callable[[], bool] = lambda: True) -> Answer:
        """Answer a question; blocks until all members have. Raises what `events` raises."""
        *_, last = self.events(request, wanted=wanted)
        assert isinstance(last, Answer)
        return last

    def events(
        self, request: AskRequest, *, about: str = "", wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[AskEvent]:
        """Answer a question, telling what happens: passages found, the answer, and between them, where the
        request wants a stream, each candidate with the votes as they then stand. `about` is what was spoken
        of before: it helps to find passages. Once the answer is no longer `wanted`, the events end with
        UnwantedError.

        Raises QuestionError for one that cannot be asked, NotFoundError for an unknown book or version,
        VersionPrunedError for a version without soft prompts, NothingToAskError when the library is empty,
        NoBookFitsError when no book is by the authors and with the tags asked for, NotReadyError where only
        members will do and there are none, and DamagedArtifactError when all members of a version are
        damaged; all at once, no event needed.
        """
        started = time.monotonic()
        check_question(self._engine.llm, request.question)
        sought = f"{about} {request.question}".strip()
        while True:
            asked = self._books(request, sought)
            try:
                voices, used, degraded = self._voices(asked, require_trained=request.require_trained)
                break
            except VersionPrunedError:
                # Since it was looked up: an alias is on another version by now, a number is refused.
                continue
        citations = self._passages(request, sought, [book for book, _ in asked])
        read = self._panel.reads(request.question, voices, citations)
        found = Retrieved(citations=read, versions=used, degraded=degraded)
        return self._told(request, found, voices, time.monotonic() - started, wanted)

    def _told(
        self,
        request: AskRequest,
        found: Retrieved,
        voices: Sequence[Voice],
        retrieve: float,
        wanted: Callable[[], bool],
    ) -> Iterator[AskEvent]:
        """The events of a question whose passages took `retrieve` seconds to find."""
        yield found
        started = time.monotonic()
        seed = request.seed if request.seed is not None else random.randrange(2**31)
        candidates: list[Candidate] = []
        growing = self._panel.candidates(request, voices, found.citations, seed=seed, wanted=wanted)
        for candidates in growing:
            if request.stream:
                verdict = self._panel.decide(request, candidates, found.citations)
                yield Heard(
                    candidates=len(candidates),
                    answer=verdict.answer,
                    confidence=verdict.confidence,
                    votes=verdict.votes,
                )
        if not wanted():
            raise UnwantedError()
        generated = time.monotonic()
        verdict = self._panel.decide(request, candidates, found.citations)
        abstained = _abstained(verdict, request.min_confidence or 0.0)
        ended = time.monotonic()
        yield Answer(
            id=f"answer_{uuid.uuid4().hex[:16]}",
            question=request.question,
            answer=None if abstained else verdict.answer,
            confidence=verdict.confidence,
            calibrated=verdict.calibrated,
            told=verdict.told,
            abstained=abstained,
            degraded=found.degraded,
            votes=verdict.votes,
            citations=[_supported(quote, verdict.answer, request.question) for quote in found.citations],
            versions=found.versions,
            timings=Timings(
                retrieve=retrieve,
                generate=generated - started,
                vote=ended - generated,
                total=retrieve + ended - started,
            ),
        )

    def _books(self, request: AskRequest, sought: str) -> list[tuple[str, Version | None]]:
        """The books to ask, each with its version: those named, else the one that fits the question best."""
        names = request.books or [self._best(request, sought)]
        asked: dict[str, Version | None] = {}
        with self._database.read() as session:
            for name in names:
                book, _, reference = name.partition("@")
                books.get(session, book)
                try:
                    asked[book] = versions.get_live(session, book, _reference(reference))
                except NotFoundError:
                    if reference:
                        raise
                    asked[book] = None
        return list(asked.items())

    def _best(self, request: AskRequest, sought: str) -> str:
        """The book that fits the question best, of all or of those that the request is limited to."""
        limited = request.authors is not None or request.tags is not None
        with self._database.read() as session:
            within = books.ids_in_scope(session, request.authors, request.tags) if limited else None
        hits = self._index.books(sought, 1, within)
        if not hits:
            raise NoBookFitsError(request.authors, request.tags) if limited else NothingToAskError()
        return hits[0].book_id

    def _passages(self, request: AskRequest, sought: str, book_ids: Sequence[str]) -> list[Citation]:
        while True:
            hits = self._panel.find(self._index, sought, request.k, book_ids)
            scores = {hit.passage_id: hit.score for hit in hits}
            with self._database.read() as session:
                found = {book: books.get(session, book) for book in book_ids}
                passages = get_passages(session, list(scores))
                pages = page_labels(session, passages)
            # Where a new edition came in between, its passages are found in the next turn.
            if len(passages) == len(scores):
                break
        return [
            Citation(
                passage=passage.id,
                book=passage.book_id,
                title=found[passage.book_id].title,
                author=found[passage.book_id].author,
                chapter=found[passage.book_id].chapters[passage.chapter_ordinal].title,
                page=pages.get(passage.id),
                start=passage.start,
                end=passage.end,
                text=passage.text,
                score=scores[passage.id],
            )
            for passage in passages
        ]

    def _voices(
        self, asked: Sequence[tuple[str, Version | None]], *, require_trained: bool
    ) -> tuple[list[Voice], list[VersionUsed], str | None]:
        """Who answers, of which versions, and what is amiss, if anything."""
        voices: list[Voice] = []
        used: list[VersionUsed] = []
        degraded = None
        for book, version in asked:
            chorus = None if version is None else self._choruses.of(version)
            if version is None or chorus is None:
                if require_trained:
                    with self._database.read() as session:
                        raise NotReadyError(book, jobs.latest(session, [book]).get(book))
                degraded = "untrained"
                if version is not None:
                    reason = self._choruses.refusal(version)
                    degraded = f"other-model: {book}@{version.number} was {reason}"
                voices += self._panel.unlearned(book)
            else:
                used.append(VersionUsed(book=book, version=version.number, revision=version.revision))
                voices += chorus.voices
                if chorus.damaged:
                    members = ", ".join(str(member) for member in chorus.damaged)
                    degraded = f"damaged: {book}@{version.number} without members {members}"
        return voices, used, degraded


def _any_of(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))


def _reference(name: str) -> int | str:
    """A version's number, or an alias; the champion when nothing is named."""
    return int(name) if name.isdecimal() else name or CHAMPION


def _abstained(verdict: Verdict, least: float) -> Abstained | None:
    """Why there is no answer, where the confidence is below `least`."""
    if verdict.confidence >= least:
        return None
    sure = f"{verdict.confidence:.0%} where {least:.0%} is asked for"
    if verdict.told is not None and verdict.told < 0.5:
        told = "The book does not seem to tell this: the closest passages are cited."
        return Abstained(reason="not-told", detail=f"{told} Confidence: {sure}.")
    return Abstained(reason="unsure", detail=f"The members are not sure enough of an answer: {sure}.")


def _supported(quote: Citation, answer: str, question: str) -> Citation:
    """The quote with the sentence that says the answer."""
    found = support(quote.text, answer, question)
    if found is None:
        return quote
    start, end = found
    span = Span(start=quote.start + start, end=quote.start + end, text=quote.text[start:end])
    return quote.model_copy(update={"support": span})
