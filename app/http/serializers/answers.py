"""Answers, and what happens on the way to them, in the shapes of the API; and questions out of those."""

import uuid
from dataclasses import asdict

from app import schemas
from app.answering import types
from app.answering.types import Question, Scope
from app.http.serializers.passages import first_and_last


def question_of(request: schemas.AskRequest) -> Question:
    """What is asked, and how members are to answer it."""
    choices = request.choices or []
    return Question(
        request.question,
        strategy=request.strategy or ("choices" if choices else "vote"),
        choices=choices,
        samples=request.samples or 1,
        temperature=request.temperature or 0.0,
        seed=request.seed,
        adaptive=request.adaptive,
    )


def scope_of(request: schemas.AskRequest, owner: str | None) -> Scope:
    """Where the answer is looked for: in the library of the owner, or in all."""
    return Scope(request.books or [], request.authors, request.tags, owner)


def event(happened: types.AnswerEvent) -> schemas.AskEvent:
    """Something that happens while a question is answered."""
    if isinstance(happened, types.Retrieved):
        return schemas.Retrieved(
            citations=[_citation(types.Citation(passage, None)) for passage in happened.passages],
            versions=_versions(happened.panel),
            left_out=_left_out(happened.panel),
            degraded=happened.panel.degraded,
        )
    if isinstance(happened, types.Heard):
        return schemas.Heard(
            candidates=happened.candidates,
            answer=happened.verdict.answer,
            confidence=happened.verdict.confidence,
            votes=_votes(happened.verdict),
        )
    return answer(happened)


def answer(found: types.Answer) -> schemas.Answer:
    """An answer, with an id of its own."""
    verdict = found.verdict
    abstention = found.abstention
    return schemas.Answer(
        id=f"answer_{uuid.uuid4().hex[:16]}",
        question=found.question,
        strategy=found.strategy,
        answer=verdict.answer if abstention is None else None,
        confidence=verdict.confidence,
        calibrated=verdict.calibrated,
        answerable=verdict.answerable,
        abstained=None
        if abstention is None
        else schemas.Abstained(**asdict(abstention), answer=verdict.answer),
        degraded=found.panel.degraded,
        votes=_votes(verdict),
        powers=schemas.Powers(**found.powers),
        threshold=found.threshold,
        citations=[_citation(each) for each in found.citations],
        versions=_versions(found.panel),
        left_out=_left_out(found.panel),
        timings=schemas.Timings(**asdict(found.timings)),
    )


def _votes(verdict: types.Verdict) -> list[schemas.Vote]:
    return [
        schemas.Vote(
            answer=vote.answer,
            share=vote.share,
            candidates=[
                schemas.Candidate(
                    book=one.member.book,
                    version=one.member.version,
                    member=one.member.member,
                    sample=one.sample,
                    text=one.text,
                    log_likelihood=one.log_likelihood,
                    weight=one.weight,
                    passage=one.passage,
                    answerable=one.answerable,
                    right=one.right,
                )
                for one in vote.candidates
            ],
        )
        for vote in verdict.votes
    ]


def _citation(found: types.Citation) -> schemas.Citation:
    passage, support = found.passage, found.support
    first_page, last_page = first_and_last(passage.pages)
    return schemas.Citation(
        passage=passage.id,
        book=passage.book,
        title=passage.title,
        author=passage.author,
        chapter=passage.chapter,
        page=passage.page_at(passage.start if support is None else support.start),
        first_page=first_page,
        last_page=last_page,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        score=passage.score,
        share=found.share,
        support=None if support is None else schemas.Span(**asdict(support)),
    )


def _versions(panel: types.Panel) -> list[schemas.VersionUsed]:
    return [schemas.VersionUsed(**asdict(used)) for used in panel.versions]


def _left_out(panel: types.Panel) -> list[schemas.LeftOut]:
    return [schemas.LeftOut(**asdict(one)) for one in panel.left_out]
