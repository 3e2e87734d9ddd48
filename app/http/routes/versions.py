"""The route that learns another version of a book."""

from fastapi import APIRouter, Response

from app import schemas
from app.http.deps import AdminDep, ServiceDep
from app.http.serializers import records

router = APIRouter(tags=["books"])


@router.post("/books/{book_id}/versions", status_code=202)
def learn_version(
    service: ServiceDep, book_id: str, wish: schemas.NewVersion, response: Response, _: AdminDep
) -> schemas.AddedJob:
    """Learn another version: from scratch, from where version `parent` stands, or appended to it."""
    parent = None if wish.parent is None else service.training.parent(book_id, wish.parent)
    recipe = service.training.recipe(wish.recipe, parent)
    with service.database.write() as session:
        job = service.training.queue(session, book_id, recipe, parent, force=wish.force)
        shown = records.job(job, service.engine.identity.id)
    service.worker.call()
    response.headers["Location"] = f"/jobs/{shown.id}"
    return schemas.AddedJob(job=shown)
