"""From a question to a voted, cited answer: find the book, read its passages, let all members answer."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from app.asking import check_question
from app.chorus import Choruses, Voice
from app.engine import Engine, UnwantedError
from app.ensemble import Ensemble
from app.readers import READERS
from app.schemas import (
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
    Vote,
)
from app.support import support
from app.together import Together
from app.voting import Embed, chosen, vote
from app.weighting import elect
from store import books, jobs, versions
from store.database import Database
from store.errors import NotFound
from store.index import PassageIndex
from store.tables import Job, Version

# What a question gets when it does not say.
_PASSAGES = 3


class NothingToAskError(Exception):
    """There is no book to ask."""


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
        self,
        database: Database,
        index: PassageIndex,
        engine: Engine,
        choruses: Choruses,
        embed: Embed,
        ensemble: Ensemble | None = None,
    ) -> None:
        """Without an ensemble, which takes a skill prompt, all members read the same few passages."""
        self._database = database
        self._index = index
        self._engine = engine
        self._choruses = choruses
        self._embed = embed
        self._ensemble = ensemble
        self._together = Together(engine)

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

        Raises QuestionError for one that cannot be asked, NotFound for an unknown book or version,
        NothingToAskError when the library is empty, NotReadyError where only members will do and there are
        none, and DamagedArtifact when all members of a version are damaged; all at once, no event needed.
        """
        started = time.monotonic()
        check_question(self._engine.llm, request.question)
        sought = f"{about} {request.question}".strip()
        asked = self._books(request, sought)
        voices, used, degraded = self._voices(asked, require_trained=request.require_trained)
        citations = self._passages(request, sought, [book for book, _ in asked])
        tokens: list[int] = []
        if self._ensemble is None:
            tokens, read = self._together.turn(request.question, voices, citations)
        else:
            read = sorted(citations, key=lambda quote: -quote.score)
        found = Retrieved(citations=read, versions=used, degraded=degraded)
        return self._told(request, found, voices, tokens, time.monotonic() - started, wanted)

    def _told(
        self,
        request: AskRequest,
        found: Retrieved,
        voices: Sequence[Voice],
        tokens: Sequence[int],
        retrieve: float,
        wanted: Callable[[], bool],
    ) -> Iterator[AskEvent]:
        """The events of a question whose passages took `retrieve` seconds to find."""
        yield found
        started = time.monotonic()
        seed = request.seed if request.seed is not None else random.randrange(2**31)
        candidates: list[Candidate] = []
        for candidates in self._candidates(request, voices, found.citations, tokens, seed, wanted):
            if request.stream:
                votes, answer, confidence = self._vote(candidates, chosen_from=request.choices)
                yield Heard(candidates=len(candidates), answer=answer, confidence=confidence, votes=votes)
        if not wanted():
            raise UnwantedError()
        generated = time.monotonic()
        votes, answer, confidence = self._vote(candidates, chosen_from=request.choices)
        ended = time.monotonic()
        yield Answer(
            id=f"answer_{uuid.uuid4().hex[:16]}",
            question=request.question,
            answer=answer,
            confidence=confidence,
            degraded=found.degraded,
            votes=votes,
            citations=[_supported(quote, answer, request.question) for quote in found.citations],
            versions=found.versions,
            timings=Timings(
                retrieve=retrieve,
                generate=generated - started,
                vote=ended - generated,
                total=retrieve + ended - started,
            ),
        )

    def _candidates(
        self,
        request: AskRequest,
        voices: Sequence[Voice],
        read: Sequence[Citation],
        tokens: Sequence[int],
        seed: int,
        wanted: Callable[[], bool],
    ) -> Iterator[list[Candidate]]:
        """All candidates whenever there is one more; `tokens` are what voices read in one context."""
        if self._ensemble is None:
            if request.choices is not None:
                yield self._together.choose(voices, tokens, request.choices)
            else:
                yield from self._together.candidates(
                    voices, tokens, request.samples or 1, request.temperature, seed, wanted
                )
        elif request.choices is not None:
            yield self._ensemble.choose(request.question, voices, read, request.choices)
        else:
            yield from self._ensemble.candidates(
                request.question,
                voices,
                read,
                samples=request.samples or 1,
                temperature=request.temperature or 0.0,
                seed=seed,
                wanted=wanted,
            )

    def _vote(
        self, candidates: Sequence[Candidate], *, chosen_from: Sequence[str] | None
    ) -> tuple[list[Vote], str, float]:
        """The votes, the one that holds the answer first; the answer and its confidence."""
        votes = vote(candidates, self._embed) if chosen_from is None else chosen(candidates)
        if not votes:
            return [], "", 0.0
        if self._ensemble is None or chosen_from is not None:
            return votes, votes[0].answer, votes[0].share
        best, confidence = elect([one.text for one in candidates], [one.weight for one in candidates])
        answer = candidates[best].text
        # The vote that holds the answer comes first, whatever its share.
        votes.sort(key=lambda ballot: all(each.text != answer for each in ballot.candidates))
        return votes, answer, confidence

    def _books(self, request: AskRequest, sought: str) -> list[tuple[str, Version | None]]:
        """The books to ask, each with its version: those named, else the one that fits the question best."""
        names = request.books
        if not names:
            names = [hit.book_id for hit in self._index.books(sought, k=1)]
        if not names:
            raise NothingToAskError()
        asked: dict[str, Version | None] = {}
        with self._database.read() as session:
            for name in names:
                book, _, reference = name.partition("@")
                books.get(session, book)
                try:
                    asked[book] = versions.get(session, book, _reference(reference))
                except NotFound:
                    if reference:
                        raise
                    asked[book] = None
        return list(asked.items())

    def _passages(self, request: AskRequest, sought: str, book_ids: Sequence[str]) -> list[Citation]:
        if self._ensemble is None:
            hits = self._index.search(sought, request.k or _PASSAGES, book_ids)
        else:
            # Each book's members read that book's passages.
            count = request.k or READERS
            hits = [hit for book in book_ids for hit in self._index.search(sought, count, [book])]
        scores = {hit.passage_id: hit.score for hit in hits}
        with self._database.read() as session:
            found = {book: books.get(session, book) for book in book_ids}
            passages = books.passages(session, list(scores))
        return [
            Citation(
                passage=passage.id,
                book=passage.book_id,
                title=found[passage.book_id].title,
                author=found[passage.book_id].author,
                chapter=found[passage.book_id].chapters[passage.chapter_ordinal].title,
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
                degraded = "untrained" if version is None else "other-model"
                voices += [Voice(book)] if self._ensemble is None else self._ensemble.unlearned(book)
            else:
                used.append(VersionUsed(book=book, version=version.number))
                voices += chorus.voices
                if chorus.damaged:
                    members = ", ".join(str(member) for member in chorus.damaged)
                    degraded = f"damaged: {book}@{version.number} without members {members}"
        return voices, used, degraded


def _reference(name: str) -> int | str:
    """A version's number, or an alias; the champion when nothing is named."""
    return int(name) if name.isdecimal() else name or "champion"


def _supported(quote: Citation, answer: str, question: str) -> Citation:
    """The quote with the sentence that says the answer."""
    found = support(quote.text, answer, question)
    if found is None:
        return quote
    start, end = found
    span = Span(start=quote.start + start, end=quote.start + end, text=quote.text[start:end])
    return quote.model_copy(update={"support": span})
