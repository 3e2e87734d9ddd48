"""Routes that say whether the service lives and is ready."""

from fastapi import APIRouter, Response
from sqlalchemy import text

from app import schemas
from app.http.deps import ServiceDep

router = APIRouter(tags=["health"])


@router.get("/livez")
def livez() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def readyz(service: ServiceDep, response: Response) -> schemas.Readiness:
    """Say whether questions are answered; 503 with the reason while not."""
    with service.database.read() as session:
        session.execute(text("SELECT 1"))
    if not service.scheduler.alive:
        response.status_code = 503
        return schemas.Readiness(ready=False, detail="the engine has ended: restart the service")
    detail = "" if service.worker.alive else "no worker is running: uploaded books wait untrained"
    return schemas.Readiness(ready=True, detail=detail)
