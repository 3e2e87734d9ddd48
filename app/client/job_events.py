"""A job's events as they happen, over as many connections as that takes."""

import time
from collections.abc import Iterator

import httpx

from app.client.connection import ClientError, Connection, NoAnswerError, api_path
from app.schemas import ENDED, Job, JobEvent

# A silent stream may be a dead one: connecting again costs nothing and loses no event.
STREAM_TIMEOUT = httpx.Timeout(60, connect=5)
LONGEST_PAUSE_S = 5.0


def follow(connection: Connection, job_id: str, *, attempts: int) -> Iterator[JobEvent]:
    """Yield a job's events from its first, as they happen, until it ends.

    A stream that breaks is taken up again after the last event that came. ClientError: it broke so many times
    in a row, or the service refuses.
    """
    last: int | None = None
    failures = 0
    over = False
    while True:
        try:
            for event in _stream(connection, job_id, last):
                last, failures = event.id, 0
                yield event
                if event.type == "message" and event.data.get("kind") in ENDED:
                    return
            if over:
                return
            # Where the job ended as the stream broke off, one more reading brings its last events.
            over = connection.call(Job, "GET", api_path("jobs", job_id)).status in ENDED
            failures += 1
        except ClientError as error:
            # 503 is a moment's trouble, like a broken connection; any other answer stays as it is.
            failures += 1
            if failures >= attempts or not (isinstance(error, NoAnswerError) or error.status == 503):
                raise
        # The first try after a break is at once, so that a stream cut by a proxy goes on unseen.
        time.sleep(min(0.25 * (2 ** (failures - 1) - 1), LONGEST_PAUSE_S))


def _stream(connection: Connection, job_id: str, after: int | None) -> Iterator[JobEvent]:
    """Yield the events of one connection, which ends when the service ends it."""
    headers = {"Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    url = api_path("jobs", job_id, "events")
    for _, data in connection.events("GET", url, headers=headers, timeout=STREAM_TIMEOUT):
        yield connection.parse(JobEvent, data, url)
