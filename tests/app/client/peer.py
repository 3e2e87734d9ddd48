"""A service that speaks the API's shapes and learns nothing, for the client and the command line to talk to.

It runs on uvicorn, in a thread for tests (`Peer.running`) or as a process of its own: `python peer.py PORT`.
"""

import asyncio
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
    ChangedQuestions,
    ChangeQuestions,
    Compare,
    Comparison,
    Inspection,
    Job,
    JobEvent,
    JobStatus,
    JsonBook,
    MoveAlias,
    MovedAlias,
    NewVersion,
    Page,
    PassageInContext,
    PromptVersion,
    Prune,
    Pruned,
    Question,
    QuestionChange,
    Readiness,
    Rollback,
    VersionState,
)
from tests.app.client.examples import answer, book, events, heard, job, passage, question
from tests.app.client.version_examples import comparison, inspection, measured, moves, prompt


class Peer:
    """What the peer holds and was asked; set the first, read the second."""

    def __init__(self) -> None:
        self.url = ""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Be as a new one, at the same address."""
        self.key: str | None = None
        self.state: BookState = "queued"
        self.end: JobStatus = "succeeded"
        self.not_ready = ""
        self.shelf: list[Book] = []
        # What the list of jobs has, newest first.
        self.jobs: list[Job] = []
        # Every call: its method and path.
        self.calls: list[tuple[str, str]] = []
        # The events of its job, instead of those of the examples.
        self.events: list[JobEvent] | None = None
        # After how many events each connection in turn ends early (or, negative, breaks); later ones do not.
        self.breaks: list[int] = []
        self.uploads: list[dict[str, Any]] = []
        self.trained: list[NewVersion] = []
        self.asked: list[AskRequest] = []
        self.compared: list[Compare] = []
        self.moved: list[tuple[str, MoveAlias | Rollback]] = []
        # What its versions have besides what those of the examples have.
        self.of_versions: dict[str, Any] = {}
        # The filters of each list of questions, and every change of one.
        self.questions_listed: list[dict[str, str]] = []
        self.question_changes: list[QuestionChange] = []
        self.followed_from: list[str | None] = []
        # Whether streams of events stay open, as those of a long training do, until the client goes.
        self.holds = False
        # Whether it declines to answer.
        self.declines = False
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
        ended = {"untrained": None, "queued": job()}.get(peer.state, job("succeeded"))
        return AddedBook(book=book(state=peer.state), job=ended)

    @app.post("/books/{book_id}/versions")
    def train(book_id: str, wish: NewVersion) -> AddedJob:
        peer.trained.append(wish)
        return AddedJob(job=job(recipe=wish.recipe))

    @app.get("/books/{book_id}/questions")
    def questions(request: Request, book_id: str, after: str | None = None) -> Page[Question]:
        peer.questions_listed.append(dict(request.query_params))
        # Pages of one, so that the client must turn them.
        number = int(after.removeprefix("question_")) + 1 if after else 1
        return Page(data=[question(number)], has_more=number < 3)

    @app.patch("/books/{book_id}/questions", response_model=None)
    def change(book_id: str, wish: ChangeQuestions) -> ChangedQuestions | Response:
        peer.question_changes += wish.changes
        removed = [each.id for each in wish.changes if each.change == "remove"]
        if "question_9" in removed:
            return problem(404, "not-found", f"There is no question question_9 of book {book_id}.")
        left = [question(4)] if len(removed) < len(wish.changes) else []
        return ChangedQuestions(book=book_id, questions=left, removed=removed)

    @app.get("/books/{book_id}")
    def one_book(book_id: str) -> Book:
        return book()

    @app.delete("/books/{book_id}", status_code=204)
    def remove(book_id: str) -> None:
        pass

    @app.get("/books")
    def books(after: str | None = None, limit: Annotated[int, Query(le=100)] = 100) -> Page[Book]:
        ids = [found.id for found in peer.shelf]
        start = ids.index(after) + 1 if after else 0
        # Pages of two, whatever was asked for, so that the client must turn them.
        return Page(data=peer.shelf[start : start + 2], has_more=start + 2 < len(ids))

    @app.get("/jobs")
    def jobs(
        book: str | None = None,
        status: Annotated[list[JobStatus] | None, Query()] = None,
        after: str | None = None,
        limit: Annotated[int, Query(le=100)] = 100,
    ) -> Page[Job]:
        fitting = [
            each
            for each in peer.jobs
            if book in (None, each.book) and each.status in (status or [each.status])
        ]
        start = [each.id for each in fitting].index(after) + 1 if after else 0
        # Pages of two at most, so that the client must turn them.
        end = start + min(limit, 2)
        return Page(data=fitting[start:end], has_more=end < len(fitting))

    @app.post("/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> Job:
        found = next(each for each in peer.jobs if each.id == job_id)
        return found.model_copy(update={"status": "cancelled"} if found.status == "queued" else {})

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
        told = events(peer.end) if peer.events is None else peer.events
        rest = [event for event in told if event.id > int(last_event_id or 0)]
        count = peer.breaks.pop(0) if peer.breaks else None

        async def stream() -> AsyncIterator[str]:
            yield ": hello\n\n"
            for event in rest if count is None else rest[: abs(count)]:
                while peer.holds and event.data.get("stage") == "after":
                    await asyncio.sleep(0.05)
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
            return StreamingResponse(
                heard(wish.question, wish.thread, declined=peer.declines), media_type="text/event-stream"
            )
        return answer(wish.question)

    @app.get("/passages/{number}", response_model=None)
    def one_passage(number: int) -> PassageInContext | Response:
        if number != passage().id:
            return problem(404, "not-found", f"There is no passage {number}.")
        return PassageInContext(passage=passage(), before=[], after=[])

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
        return prompt(3).model_copy(update=peer.of_versions)

    @app.get(path + "/versions/{ref}/inspect")
    def inspect(book_id: str, ref: str) -> Inspection:
        return inspection()

    @app.get(path + "/versions/{ref}")
    def version(book_id: str, ref: str) -> PromptVersion:
        return measured(int(ref) if ref.isdecimal() else 2).model_copy(update=peer.of_versions)

    @app.get(path + "/aliases")
    def aliases(book_id: str, after: int | None = None) -> BookAliases:
        # A page of two, whatever was asked for, so that the client must turn them.
        left = [move for move in moves() if after is None or move.id < after]
        return BookAliases(book=book_id, aliases={"champion": 1}, history=left[:2], has_more=len(left) > 2)

    @app.get(path + "/aliases/{alias}")
    def alias(book_id: str, alias: str) -> AliasState:
        return AliasState(book=book_id, alias=alias, version=1, history=moves(), has_more=False)

    @app.put(path + "/aliases/{alias}", response_model=None)
    def promote(book_id: str, alias: str, move: MoveAlias) -> MovedAlias | Response:
        peer.moved.append((alias, move))
        found = MovedAlias(book=book_id, alias=alias, version=move.version, history=moves(), has_more=False)
        if move.version == 1:
            return found.model_copy(update={"moved": False})
        if not move.force:
            return problem(409, "worse-than-champion", "Version 2 is worse than version 1.")
        return found

    @app.post(path + "/aliases/{alias}/rollback")
    def rollback(book_id: str, alias: str, wish: Rollback) -> AliasState:
        peer.moved.append((alias, wish))
        return AliasState(book=book_id, alias=alias, version=1, history=moves(), has_more=False)

    @app.post(path + "/compare")
    def compare(book_id: str, wish: Compare) -> Comparison:
        peer.compared.append(wish)
        told = comparison(wish.questions)
        return told.model_copy(
            update={"versions": [each.model_copy(update=peer.of_versions) for each in told.versions]}
        )

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
        found = [] if book == "other" or state == "pruned" else [prompt(2), prompt(1)]
        return Page(data=found, has_more=False)

    return app


if __name__ == "__main__":
    uvicorn.run(service(Peer()), port=int(sys.argv[1]), log_level="warning", ws="none")
