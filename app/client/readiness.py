"""Whether the service answers questions yet."""

from app.client.connection import Connection, json_or_none, refusal
from app.schemas import Readiness


def readiness(connection: Connection) -> Readiness:
    """Ask the service. ClientError: it is not there, or something else is."""
    response = connection.send("GET", "/readyz")
    if response.status_code not in (200, 503):
        raise refusal(response)
    content = json_or_none(response.content)
    detail = content.get("detail") if isinstance(content, dict) else None
    return Readiness(ready=response.status_code == 200, detail=detail if isinstance(detail, str) else "")
