"""A service that speaks the API's shapes and learns nothing, for the client and the command line to talk to.

It runs on uvicorn, in a thread for tests (`Peer.running`) or as a process of its own: `python peer.py PORT`.
"""

import io
import socket
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.schemas import (
    AddedBook,
    AddedJob,
    AliasState,
    Answer,
    AskRequest,
    Book,
    BookAliases,
    BookState,
    Compare,
    Comparison,
    Inspection,
    Job,
    JobStatus,
    JsonBook,
    MoveAlias,
    NewVersion,
    Page,
    PromptVersion,
    Prune,
    Pruned,
    Readiness,
    Rollback,
    VersionState,
)


def book(number: int = 1, *, state: BookState = "queued", title: str = "The Tiger") -> Book:
    return Book(
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
        state=state,
        aliases={"champion": 1, "latest": 1} if state == "ready" else {},
        created_at=1_700_000_000,
    )


def job(status: JobStatus = "queued", *, recipe: dict[str, Any] | None = None) -> Job:
    return Job(
        id="job_1",
        kind="train",
        book=book().id,
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
            Citation(
                passage=1,
                book=book().id,
                title="The Tiger",
                author="Joseph Jacobs",
                chapter="The Trap",
                start=1044,
                end=1098,
                text="Once upon a time a tiger was caught in a trap.",
                score=0.8,
            )
        ],
        versions=[VersionUsed(book=book().id, version=1, revision=1)],
        timings=Timings(retrieve=0.1, generate=1.0, vote=0.1, total=1.2),
    )


def heard(question: str) -> Iterator[str]:
    """The events of an answer that is streamed; of one that breaks off, if the question says so."""
    whole = answer(question)
    for count, vote in enumerate(whole.votes, start=1):
        told = Heard(candidates=count, answer=vote.answer, confidence=vote.share, votes=whole.votes)
        yield f"event: heard\ndata: {told.model_dump_json()}\n\n"
    if question == "Break off?":
        yield 'event: error\ndata: {"status": 503, "detail": "The service is shutting down."}\n\n'
    elif question != "Fall silent?":
        yield f"event: answer\ndata: {whole.model_dump_json()}\n\n"


def prompt(number: int = 1) -> PromptVersion:
    losses = [(4.0, 3.0), (4.2, 3.1)]
    return PromptVersion(
        id=f"version_{number}",
        book=book().id,
        book_title="The Tiger",
        number=number,
        members=[
            PromptMember(member=i, seed=i, sha256="0" * 64, bytes=1000, loss_before=before, loss_after=after)
            for i, (before, after) in enumerate(losses)
        ],
        recipe={},
        base_model=BaseModelIdentity(
            id="tiny-llm", revision=None, hidden_size=8, quantization="int8", dtype="bfloat16"
        ),
        revision=1,
        parent=None,
        skill=None,
        study=None,
        metrics={},
        libraries={},
        data={},
        gate=None,
        pruned=False,
        state="live",
        refused=None,
        aliases=["champion", "latest"],
        bytes=2_000_000,
        job="job_1",
        created_at=1_700_000_000,
    )


def measured(number: int = 1) -> PromptVersion:
    """A version as it is shown alone: with curves, and worse than the champion of its day."""
    version = prompt(number)
    curves = [[4.0, 3.6, 3.2, 3.0], [4.2, 3.9, 3.4, 3.1]]
    members = [
        member.model_copy(update={"curve": curve})
        for member, curve in zip(version.members, curves, strict=True)
    ]
    gate = {"passed": False, "champion": 1, "loss": 3.1, "champion_loss": 2.9, "forced": True}
    return version.model_copy(
        update={"members": members, "gate": gate, "parent": 1, "recipe": {"members": 2, "seed": 0}}
    )


def moves() -> list[AliasMove]:
    """A promotion and a rollback of it, newest first."""
    told = [(2, 1, True, None), (1, 2, False, "it was\n[red]right"), (None, 1, False, "version 1 published")]
    return [
        AliasMove(
            id=9 - place,
            alias="champion",
            from_version=before,
            to=after,
            rollback=rollback,
            who="admin",
            why=why,
            at=1_700_000_000,
        )
        for place, (before, after, rollback, why) in enumerate(told)
    ]


def comparison(questions: list[str] | None = None) -> Comparison:
    """Two versions, the second of another seed and a little worse."""
    one, other = prompt(1), prompt(2).model_copy(update={"aliases": []})
    worse = [
        member.model_copy(update={"loss_after": (member.loss_after or 0) + 0.1}) for member in other.members
    ]
    no_answer = answer().model_copy(update={"answer": None, "confidence": 0.1, "degraded": "untrained"})
    return Comparison(
        book=book().id,
        versions=[one, other.model_copy(update={"members": worse})],
        recipe=[Difference(name="seed", values=[0, 5])],
        metrics=[Difference(name="seconds", values=[12.3456, None])],
        seed=0,
        questions=[
            ComparedAnswers(
                question=question,
                expected=None if questions else "The tiger",
                answers=[answer(question), no_answer],
            )
            for question in questions or ["Who was caught?"]
        ],
    )


def inspection(number: int = 2) -> Inspection:
    """One member of two virtual tokens."""
    look = MemberLook(
        member=0,
        first=[Word(id=7, text=" lamp", position=0, cosine=0.91)],
        frequent=[Word(id=7, text=" lamp", count=2)],
        norms=Norms(mean=2.5, least=2.0, most=3.5),
        moved=None,
    )
    return Inspection(
        book=book().id,
        book_title="The Tiger",
        number=number,
        method="prompt",
        virtual_tokens=2,
        vocabulary_norm=1.4,
        members=[look],
        similarity=[[1.0]],
    )


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


class Peer:
    """What the peer holds and was asked; set the first, read the second."""

    def __init__(self) -> None:
        self.url = ""
        self.key: str | None = None
        self.state: BookState = "queued"
        self.end: JobStatus = "succeeded"
        self.not_ready = ""
        self.shelf: list[Book] = []
        # Every call: its method and path.
        self.calls: list[tuple[str, str]] = []
        # After how many events each connection in turn ends early (or, negative, breaks); later ones do not.
        self.breaks: list[int] = []
        self.uploads: list[dict[str, Any]] = []
        self.trained: list[NewVersion] = []
        self.asked: list[AskRequest] = []
        self.compared: list[Compare] = []
        self.moved: list[tuple[str, MoveAlias | Rollback]] = []
        self.followed_from: list[str | None] = []
        # The filters of each list of versions.
        self.listed: list[dict[str, str]] = []
        # The files of each archive that was imported, and what else was sent with it.
        self.imported: list[dict[str, Any]] = []

    @contextmanager
    def running(self, app: FastAPI | None = None) -> Iterator["Peer"]:
        """Serve `app` or the peer on a free port; connections made before uvicorn is up wait in a queue."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(app or service(self), log_level="critical", ws="none"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            try:
                yield self
            finally:
                server.should_exit = True
                thread.join()


def problem(status: int, slug: str, detail: str) -> JSONResponse:
    content = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")


def service(peer: Peer) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def note(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        peer.calls.append((request.method, request.url.path))
        return await answer(request)

    @app.get("/readyz", response_model=None)
    def ready() -> Readiness | Response:
        if peer.not_ready:
            return problem(503, "not-ready", peer.not_ready)
        return Readiness(ready=True)

    @app.post("/books", response_model=None)
    @app.post("/books/{book_id}/revisions", response_model=None)
    async def add(request: Request, book_id: str | None = None) -> AddedBook | Response:
        if request.headers["content-type"].startswith("application/json"):
            sent = JsonBook.model_validate(await request.json()).model_dump()
        else:
            async with request.form() as form:
                file = form["file"]
                assert not isinstance(file, str)
                sent = {name: value for name, value in form.items() if isinstance(value, str)}
                sent |= {"filename": file.filename, "text": (await file.read()).decode()}
        if not sent["text"].strip():
            return problem(422, "book-empty", "The book is empty: upload a text.")
        peer.uploads.append(sent | ({} if book_id is None else {"revises": book_id}))
        ended: Job | None = None if peer.state == "untrained" else job("succeeded")
        return AddedBook(book=book(state=peer.state), job=ended if peer.state != "queued" else job())

    @app.post("/books/{book_id}/versions")
    def train(book_id: str, wish: NewVersion) -> AddedJob:
        peer.trained.append(wish)
        return AddedJob(job=job(recipe=wish.recipe))

    @app.get("/books/{book_id}")
    def one_book(book_id: str) -> Book:
        return book()

    @app.get("/books")
    def books(after: str | None = None, limit: Annotated[int, Query(le=100)] = 100) -> Page[Book]:
        ids = [found.id for found in peer.shelf]
        start = ids.index(after) + 1 if after else 0
        # Pages of two, whatever was asked for, so that the client must turn them.
        return Page(data=peer.shelf[start : start + 2], has_more=start + 2 < len(ids))

    @app.get("/jobs/{job_id}", response_model=None)
    def one_job(job_id: str) -> Job | Response:
        if job_id != "job_1":
            return problem(404, "not-found", f"There is no job {job_id}.")
        return job(peer.end)

    @app.get("/jobs/{job_id}/events", response_model=None)
    async def follow(
        job_id: str, accept: Annotated[str, Header()], last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        assert accept == "text/event-stream"
        if job_id != "job_1":
            return problem(404, "not-found", f"There is no job {job_id}.")
        peer.followed_from.append(last_event_id)
        rest = [event for event in events(peer.end) if event.id > int(last_event_id or 0)]
        count = peer.breaks.pop(0) if peer.breaks else None

        async def stream() -> AsyncIterator[str]:
            yield ": hello\n\n"
            for event in rest if count is None else rest[: abs(count)]:
                yield f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
            if count is not None:
                yield 'data: {"cut": '
                if count < 0:
                    raise ConnectionAbortedError

        return StreamingResponse(stream(), media_type="text/event-stream")

    @app.post("/ask", response_model=None)
    def ask(wish: AskRequest) -> Answer | Response:
        peer.asked.append(wish)
        if not wish.question.strip():
            return problem(422, "question-empty", "The question is empty: write one.")
        if wish.stream:
            return StreamingResponse(heard(wish.question), media_type="text/event-stream")
        return answer(wish.question)

    path = "/admin/books/{book_id}"

    @app.get(path + "/versions/{ref}/export")
    def export(book_id: str, ref: str) -> Response:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as archive:
            archive.writestr("version.json", "{}")
            archive.writestr("member-0/adapter_config.json", "{}")
        return Response(sink.getvalue(), media_type="application/zip")

    @app.post(path + "/versions/import")
    async def import_version(request: Request, book_id: str) -> PromptVersion:
        with zipfile.ZipFile(io.BytesIO(await request.body())) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        peer.imported.append({"book": book_id, "files": files, **request.query_params})
        return prompt(3)

    @app.get(path + "/versions/{ref}/inspect")
    def inspect(book_id: str, ref: str) -> Inspection:
        return inspection()

    @app.get(path + "/versions/{ref}")
    def version(book_id: str, ref: str) -> PromptVersion:
        return measured(int(ref) if ref.isdecimal() else 2)

    @app.get(path + "/aliases")
    def aliases(book_id: str, after: int | None = None) -> BookAliases:
        # A page of two, whatever was asked for, so that the client must turn them.
        left = [move for move in moves() if after is None or move.id < after]
        return BookAliases(book=book_id, aliases={"champion": 1}, history=left[:2], has_more=len(left) > 2)

    @app.get(path + "/aliases/{alias}")
    def alias(book_id: str, alias: str) -> AliasState:
        return AliasState(book=book_id, alias=alias, version=1, history=moves(), has_more=False)

    @app.put(path + "/aliases/{alias}", response_model=None)
    def promote(book_id: str, alias: str, move: MoveAlias) -> AliasState | Response:
        peer.moved.append((alias, move))
        if not move.force:
            return problem(409, "worse-than-champion", "Version 2 is worse than version 1.")
        return AliasState(book=book_id, alias=alias, version=move.version, history=moves(), has_more=False)

    @app.post(path + "/aliases/{alias}/rollback")
    def rollback(book_id: str, alias: str, wish: Rollback) -> AliasState:
        peer.moved.append((alias, wish))
        return AliasState(book=book_id, alias=alias, version=1, history=moves(), has_more=False)

    @app.post(path + "/compare")
    def compare(book_id: str, wish: Compare) -> Comparison:
        peer.compared.append(wish)
        return comparison(wish.questions)

    @app.post(path + "/prune")
    def prune(book_id: str, wish: Prune) -> Pruned:
        return Pruned(book=book_id, versions=[1, 2] if wish.keep < 3 else [])

    @app.get("/admin/prompts", response_model=None)
    def versions(
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        book: str | None = None,
        state: VersionState | None = None,
    ) -> Page[PromptVersion] | Response:
        if peer.key and authorization != f"Bearer {peer.key}":
            return problem(401, "unauthorized", "This call needs the admin key.")
        peer.listed.append({name: value for name, value in request.query_params.items() if name != "limit"})
        return Page(
            data=[] if book == "other" or state == "pruned" else [prompt(2), prompt(1)], has_more=False
        )

    return app


if __name__ == "__main__":
    uvicorn.run(service(Peer()), port=int(sys.argv[1]), log_level="warning", ws="none")
