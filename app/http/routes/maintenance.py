"""Routes that back up the store, verify it and rebuild its index. None of them uses the LLM."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app import schemas
from app.http.deps import ServiceDep
from store import backup as whole
from store.verify import verify as verified

router = APIRouter(prefix="/admin", tags=["admin"])

_CHUNK = 1 << 20


@router.get("/backup", response_class=StreamingResponse)
def backup(service: ServiceDep) -> StreamingResponse:
    """Send every row, as it is now, as one SQLite file, which `bookchorus restore` takes."""
    folder = service.settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".backup-", dir=folder) as made:
        path = Path(made) / "bookchorus.db"
        whole.backup(service.database, path)
        size = path.stat().st_size
        # The file loses its name here and lives until it is sent or its reader is gone.
        file = path.open("rb")
    name = f"bookchorus-{datetime.now(UTC):%Y-%m-%d}.db"
    return StreamingResponse(
        _chunks(file),
        media_type="application/vnd.sqlite3",
        headers={"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/verify")
def verify(service: ServiceDep) -> schemas.Verification:
    """Check all rows, artifacts and the index; nothing is changed. A finding says how to mend it."""
    found = verified(service.database, service.settings.index_dir, service.index.embedder)
    findings = [schemas.Finding(**asdict(finding)) for finding in found]
    return schemas.Verification(whole=not findings, findings=findings)


@router.post("/rebuild")
def rebuild(service: ServiceDep) -> schemas.Rebuilt:
    """Build the index again from the database, with new vectors where one is missing or damaged. Questions go
    on.
    """
    return schemas.Rebuilt(passages=service.index.rebuild())


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
