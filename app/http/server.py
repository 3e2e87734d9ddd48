"""The service over HTTP: `create_app` makes the application, `serve` runs it until it is stopped."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from app.http import problems
from app.http.body_limit import BodyLimit
from app.http.routes import (
    aliases,
    ask,
    books,
    chat,
    compare,
    health,
    jobs,
    maintenance,
    revisions,
    transfer,
    versions,
)
from app.service import Service, build
from app.settings import Settings


def create_app(service: Service) -> FastAPI:
    """The HTTP application over a service; the service is closed when the application shuts down."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="Bookchorus",
        summary="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, most_bytes=service.settings.max_book_bytes, but=transfer.IMPORT)
    app.state.service = service
    problems.install(app)
    for part in (
        books,
        versions,
        revisions,
        ask,
        chat,
        jobs,
        aliases,
        compare,
        transfer,
        maintenance,
        health,
    ):
        app.include_router(part.router)
    return app


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises CommandError when the service cannot start."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    app = create_app(build(settings))
    # What exists by now lives as long as the process. Garbage collection over it would stop every
    # request for a second now and then.
    gc.freeze()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        # An open stream of events must not keep the process from ending.
        timeout_graceful_shutdown=15,
    )
