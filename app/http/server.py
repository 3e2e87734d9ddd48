"""The service over HTTP: `create_app` makes the application, `serve` runs it until it is stopped."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_swagger import patch_fastapi

from app.http.access import Access
from app.http.ask_room import AskRoom
from app.http.body_sizes import BodySizes
from app.http.deps import KEY, is_the_callers, text_is_kept
from app.http.draining import Drain, Draining
from app.http.error_handlers import install
from app.http.problem_statuses import describe
from app.http.roles import REFERENCE
from app.http.routes import (
    aliases,
    ask,
    audit,
    books,
    chat,
    compare,
    health,
    jobs,
    keys,
    maintenance,
    mcp,
    passages,
    questions,
    revisions,
    skills,
    threads,
    transfer,
    versions,
)
from app.http.store_probe import StoreProbe
from app.http.upload_room import UploadRoom
from app.http.watching import REQUEST_ID, Watched
from app.page.serving import add_page
from app.service.service import END_SECONDS, Service, exit_now
from store.queue_state import queue_state

# How long asks that have begun may go on once the service is to end.
_DRAIN_SECONDS = 20.0
log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """The HTTP application over a service; the service is closed when the application shuts down."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.gather(*(probe.prepare() for probe in probes))
        yield
        if not service.leaving.is_set():  # else it was ended before
            service.close()

    settings = service.settings
    sizes = BodySizes(settings.max_book_bytes)
    app = _Application(
        title="Bookchorus",
        summary="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
        lifespan=lifespan,
        dependencies=[Depends(KEY), Depends(text_is_kept), Depends(is_the_callers)],
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.add_middleware(Access, service=service, sizes=sizes)
    if settings.origins:
        # The last one added is the first one asked: refusals, too, say which pages may read them.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "Retry-After", REQUEST_ID],
        )
    app.state.service = service
    app.state.drain = Drain(service.leaving)
    app.add_middleware(Draining, drain=app.state.drain)
    app.add_middleware(Watched, figures=service.telemetry.figures)
    app.state.worker_probe = StoreProbe(service.database, service.has_worker)
    app.state.by_words_probe = StoreProbe(service.database, service.books_by_words)
    app.state.queue_probe = StoreProbe(service.database, queue_state)
    probes = app.state.worker_probe, app.state.by_words_probe, app.state.queue_probe
    app.state.asks = AskRoom(settings.max_waiting_asks)
    app.state.tools = AskRoom(settings.max_waiting_asks)
    app.state.uploads = UploadRoom()
    install(app, sizes.refusal)
    for part in (
        books,
        versions,
        revisions,
        questions,
        ask,
        passages,
        chat,
        mcp,
        threads,
        jobs,
        aliases,
        compare,
        transfer,
        skills,
        maintenance,
        keys,
        audit,
        health,
    ):
        # Counts the bytes that come; what a request declares is checked before. (A limit of the whole
        # application would answer 413 where the key is wrong.)
        app.include_router(part.router, max_body_size=settings.max_book_bytes)
    add_page(app)
    _add_reference(app)
    return app


def _add_reference(app: FastAPI) -> None:
    """Serve Swagger UI at `/docs` with files of our own; FastAPI's page loads them from another host."""
    files = f"{REFERENCE}/files"
    patch_fastapi(
        app,
        REFERENCE,
        redirect_from_root_to_docs=False,
        swagger_js_url=f"{files}/swagger-ui-bundle.js",
        swagger_css_url=f"{files}/swagger-ui.css",
        swagger_favicon_url=f"{files}/favicon.png",
        swagger_ui_parameters={"displayRequestDuration": True, "filter": True, "validatorUrl": None},
    )


class _Application(FastAPI):
    """Describes the problems of each route beside what FastAPI knows."""

    def openapi(self) -> dict[str, Any]:
        """The description of the API, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi())
        return self.openapi_schema


def serve(service: Service, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM; calls `on_ready` once requests are taken.

    At the end new requests are refused, those that are there are answered for up to 20 seconds, and the
    running job is given back with its checkpoint; all within 30 seconds.
    """
    settings = service.settings
    app = create_app(service)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        # The same whatever else is installed: uvicorn would take faster parts of other packages by itself.
        loop="asyncio",
        http="h11",
        ws="none",
        # Its records go where all others go; of requests there is a line of our own.
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        # Whoever still reads an answer by then must not keep the process from ending.
        timeout_graceful_shutdown=1,
    )
    _Server(config, on_ready, service, app.state.drain).run()


class _Server(uvicorn.Server):
    """Says when it takes requests, and ends the service before it stops taking them."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], service: Service, drain: Drain
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._service = service
        self._drain = drain
        self._to_end = False
        self._ending: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, at the next tick; a second Ctrl-C ends at once. No signal is raised again."""
        if self._to_end and sig == signal.SIGINT:
            self.should_exit = self.force_exit = True
        self._to_end = True

    async def on_tick(self, counter: int) -> bool:
        """Begin to end the service where a signal said so; return whether to stop taking requests."""
        if self._to_end and self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return await super().on_tick(counter)

    async def _end(self) -> None:
        """Give the job back, let requests be answered, then end what still goes on; say so to uvicorn."""
        began = time.monotonic()
        try:
            self._service.leave()
            await self._answered(began + _DRAIN_SECONDS)
            left = began + END_SECONDS - time.monotonic()
            ended = await asyncio.to_thread(self._service.close, left)
            await self._answered(time.monotonic() + 1)
            if not ended:
                exit_now()
        except Exception:
            log.exception("the service could not be ended in order")
        self.should_exit = True

    async def _answered(self, deadline: float) -> None:
        while self._drain.in_flight and time.monotonic() < deadline and not self.should_exit:
            await asyncio.sleep(0.05)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()
