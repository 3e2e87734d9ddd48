"""The route that answers questions."""

from fastapi import APIRouter

from app import schemas
from app.http.deps import ServiceDep

router = APIRouter(tags=["ask"])


@router.post("/ask")
def ask(service: ServiceDep, request: schemas.AskRequest) -> schemas.Answer:
    """Answer a question: retrieve, let every member answer, vote, and cite what was read."""
    return service.answering.answer(request)
