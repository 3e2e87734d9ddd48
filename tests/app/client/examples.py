"""Books, jobs and answers as the API has them, made up."""

from collections.abc import Iterator
from typing import Any

from app.schemas import (
    Abstained,
    Answer,
    Book,
    BookState,
    Candidate,
    Chapter,
    Citation,
    Heard,
    Job,
    JobEvent,
    JobProblem,
    JobStatus,
    Passage,
    Question,
    Retrieved,
    Timings,
    VersionUsed,
    Vote,
)


def book(number: int = 1, *, state: BookState = "queued", title: str = "The Tiger") -> Book:
    return Book(
        owner="local",
        id=f"book_{number:016}",
        title=title,
        author="Joseph Jacobs",
        language="en",
        filename="tiger.md",
        format="md",
        revision=1,
        tags=[],
        characters=1234,
        sha256="0" * 64,
        chapters=[Chapter(ordinal=0, title="The Trap", start=0, end=1234, matter="body", anchor=None)],
        passages=7,
        embedded=True,
        warnings=["Page [3] has images and no text."],
        state=state,
        aliases={"champion": 1, "latest": 1} if state == "ready" else {},
        created_at=1_700_000_000,
    )


def question(number: int = 1) -> Question:
    return Question(
        id=f"question_{number}",
        book=book().id,
        revision=1,
        text="Who was [red]caught?",
        answer="A tiger.",
        kind="who" if number < 3 else None,
        source="llm" if number < 3 else "person",
        passage=number,
        chapter="The Trap",
        first_page="iv" if number == 1 else None,
        last_page="iv" if number == 1 else None,
        start=0,
        end=20,
        created_at=1_700_000_000,
        changed_at=None,
    )


def job(status: JobStatus = "queued", *, recipe: dict[str, Any] | None = None) -> Job:
    return Job(
        id="job_1",
        kind="train",
        book=book().id,
        title=book().title,
        model="tiny",
        status=status,
        version=1 if status == "succeeded" else None,
        attempts=1,
        error=JobProblem(code="out-of-memory", message="no memory left") if status == "failed" else None,
        progress=None,
        recipe=recipe or {},
        parent=None,
        created_at=1_700_000_000,
        started_at=None,
        finished_at=None,
    )


def answer(question: str = "Who was caught?") -> Answer:
    said = [
        Candidate(
            book=book().id,
            version=1,
            member=member,
            sample=0,
            text="A tiger.",
            log_likelihood=-0.5,
            weight=0.25,
        )
        for member in (0, 1, 3)
    ]
    other = said[0].model_copy(update={"member": 2, "text": "A jackal."})
    return Answer(
        id="answer_1",
        question=question,
        answer="A tiger.",
        confidence=0.75,
        calibrated=True,
        answerable=0.9,
        abstained=None,
        degraded=None,
        votes=[
            Vote(answer="A tiger.", share=0.75, candidates=said),
            Vote(answer="A jackal.", share=0.25, candidates=[other]),
        ],
        citations=[
            Citation.model_validate(
                {**passage().model_dump(include=PLACE), "passage": 1, "author": "Joseph Jacobs", "score": 0.8}
            )
        ],
        versions=[VersionUsed(book=book().id, version=1, revision=1)],
        timings=Timings(retrieve=0.1, generate=1.0, vote=0.1, total=1.2),
    )


# What a citation has of its passage.
PLACE = {"book", "title", "chapter", "start", "end", "text"}


def passage() -> Passage:
    """The passage that the answer names."""
    return Passage(
        id=1,
        book=book().id,
        title="The Tiger",
        author="Joseph Jacobs",
        ordinal=0,
        chapter="The Trap",
        first_page="1",
        last_page="2",
        start=1044,
        end=1098,
        text="Once upon a time a tiger was caught in a trap.",
    )


def heard(question: str, thread: str | None = None, *, declined: bool = False) -> Iterator[str]:
    """The events of an answer that is streamed; of one that breaks off, if the question says so."""
    whole = answer(question).model_copy(update={"thread": "thread_1" if thread == "new" else thread})
    if declined:
        reason = Abstained(reason="unsure", detail="The members are not sure.", answer="A tiger.")
        whole = whole.model_copy(update={"answer": None, "abstained": reason})
    found = Retrieved(citations=whole.citations, versions=whole.versions, degraded=None)
    yield f"event: retrieved\ndata: {found.model_dump_json()}\n\n"
    for count, vote in enumerate(whole.votes, start=1):
        told = Heard(candidates=count, answer=vote.answer, confidence=vote.share, votes=whole.votes)
        yield f"event: heard\ndata: {told.model_dump_json()}\n\n"
    if question == "Break off?":
        yield 'event: error\ndata: {"status": 503, "detail": "The service is shutting down."}\n\n'
    elif question != "Fall silent?":
        yield f"event: answer\ndata: {whole.model_dump_json()}\n\n"


def events(end: JobStatus = "succeeded") -> list[JobEvent]:
    """A job's whole life: two steps of two members, measured before and after."""
    message: list[tuple[str, dict[str, Any]]] = [
        ("Waits for its turn.", {"kind": "queued"}),
        ("Runs.", {"kind": "running"}),
        (
            "Measured.",
            {"kind": "evaluated", "stage": "before", "member_losses": [4.0, 4.2], "bare_loss": 4.5},
        ),
        ("Measured again.", {"kind": "evaluated", "stage": "after", "member_losses": [3.0, 3.1]}),
        ("Published version 1 as the champion: the book had none.", {"kind": "published"}),
        # U+2028 ends a line for str.splitlines and no line of an event stream.
        ("Ended.\u2028", {"kind": end}),
    ]
    steps = [
        {
            "step": step,
            "steps": 2,
            "loss": 4.0 - step / 2,
            "member_losses": [4.0 - step / 2, 4.1 - step / 2],
            "tokens_per_second": 500.0,
            "eta_seconds": 60.0,
        }
        for step in (1, 2)
    ]
    told = [("message", text, data) for text, data in message[:3]]
    told += [("metrics", "", step) for step in steps]
    told += [("message", text, data) for text, data in message[3:]]
    return [
        JobEvent.model_validate(
            {
                "id": number,
                "created_at": 1_700_000_000,
                "level": "info",
                "type": kind,
                "message": text,
                "data": data,
            }
        )
        for number, (kind, text, data) in enumerate(told, start=10)
    ]
