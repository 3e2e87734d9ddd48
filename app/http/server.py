"""The service over HTTP: `create_app` makes the application, `serve` runs it until it is stopped."""

import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.http import problems
from app.http.access import Access
from app.http.body_sizes import BodySizes
from app.http.deps import KEY, is_the_callers, text_is_kept
from app.http.problem_statuses import describe
from app.http.routes import (
    aliases,
    ask,
    audit,
    books,
    chat,
    compare,
    health,
    jobs,
    maintenance,
    questions,
    revisions,
    skills,
    transfer,
    versions,
)
from app.http.store_probe import StoreProbe
from app.service import Service, build
from app.settings import Settings


def create_app(service: Service) -> FastAPI:
    """The HTTP application over a service; the service is closed when the application shuts down."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    settings = service.settings
    sizes = BodySizes(settings.max_book_bytes)
    app = _Application(
        title="Bookchorus",
        summary="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
        lifespan=lifespan,
        dependencies=[Depends(KEY), Depends(text_is_kept), Depends(is_the_callers)],
    )
    app.add_middleware(Access, service=service, sizes=sizes)
    if settings.origins:
        # The last one added is the first one asked: refusals, too, say which pages may read them.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "Retry-After"],
        )
    app.state.service = service
    app.state.store_probe = StoreProbe(service.database)
    problems.install(app, sizes.refusal)
    for part in (
        books,
        versions,
        revisions,
        questions,
        ask,
        chat,
        jobs,
        aliases,
        compare,
        transfer,
        skills,
        maintenance,
        audit,
        health,
    ):
        # Counts the bytes that come; what a request declares is checked before. (A limit of the whole
        # application would answer 413 where the key is wrong.)
        app.include_router(part.router, max_body_size=settings.max_book_bytes)
    return app


class _Application(FastAPI):
    """Describes the problems of each route beside what FastAPI knows."""

    def openapi(self) -> dict[str, Any]:
        """The description of the API, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi())
        return self.openapi_schema


def serve(
    settings: Settings,
    on_ready: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; calls `on_ready` once requests are taken, and until then `tell` with
    what it is at. Garbage collection may be off until then.

    Raises CommandError when the service cannot start.
    """
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    app = create_app(build(settings, tell=tell))
    # What exists by now lives as long as the process. Garbage collection over it would stop every
    # request for a second now and then.
    gc.freeze()
    gc.enable()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        # An open stream of events must not keep the process from ending.
        timeout_graceful_shutdown=15,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has ended
        _Server(config, on_ready).run()


class _Server(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()
