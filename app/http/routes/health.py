"""Routes that say whether the service lives and is ready, and what it is at."""

from fastapi import APIRouter, Request, Response

from app import schemas
from app.http.deps import ServiceDep
from store.errors import StoreError

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(service: ServiceDep, request: Request, response: Response) -> schemas.Readiness:
    """Say whether questions are answered and books are learned; 503 with what is dead while not.

    A service that leaves learning to other processes is ready without them, and says that none is running.
    """
    works = await request.app.state.worker_probe.answer()
    dead = ["the service is shutting down"] if service.leaving.is_set() else []
    if not service.engine.alive:
        dead.append("the engine has ended: no question is answered")
    idle = [] if works else ["no worker is running: uploaded books wait untrained"]
    if service.settings.trains:
        dead += idle
    if not dead:
        return schemas.Readiness(ready=True, detail="; ".join([*idle, *await _by_words(request, works)]))
    response.status_code = 503
    return schemas.Readiness(ready=False, detail="; ".join([*dead, "restart the service"]))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(service: ServiceDep, request: Request) -> Response:
    """Give the figures of the service in Prometheus' text format, or as OpenMetrics where that is accepted.

    Where the database does not say in time how long the queue is, what it said last is given.
    """
    figures = service.telemetry.figures
    try:
        figures.queued(await request.app.state.queue_probe.answer())
    except StoreError:
        figures.queued(None)
    body, content_type = figures.exposition(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})


async def _by_words(request: Request, works: bool) -> list[str]:
    """What to say of books that are not embedded, such as after a change of the embedder."""
    try:
        count: int = await request.app.state.by_words_probe.answer()
    except StoreError:
        return []
    if not count:
        return []
    books = "1 book is" if count == 1 else f"{count:,} books are"
    until = "a worker has" if works else "a worker, or `bookchorus rebuild`, has"
    return [f"{books} searched by words alone until {until} embedded the passages"]
