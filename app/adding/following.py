"""Follows the jobs of many books, of which only the first few can be running."""

from itertools import islice

from app.adding.entry import DONE, Entry
from app.client import Client, ClientError

# Jobs run in the order in which they were queued, so that the next few are asked for; more workers are rare.
_AT_ONCE = 4


class Following:
    """The entries whose jobs have not ended."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._open: dict[str, Entry] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def follow(self, entry: Entry) -> None:
        """Take in an entry with a job; one without, or whose job has ended, is not followed."""
        if entry.job is not None and entry.state not in DONE:
            self._open[entry.job] = entry

    def forget(self, book: str) -> None:
        """Follow a book no longer, such as one that was removed."""
        self._open = {job: entry for job, entry in self._open.items() if entry.book != book}

    def poll(self) -> list[Entry]:
        """Return the entries that changed since; those that are done are followed no longer.

        ClientError: the service does not answer, or refuses.
        """
        changed = []
        for job, entry in list(islice(self._open.items(), _AT_ONCE)):
            try:
                now = entry.of_job(self._client.job(job))
            except ClientError as error:
                if error.status != 404:
                    raise
                now = entry.failed("The book was removed before it was learned.")
            self._open[job] = now
            if now.state in DONE:
                del self._open[job]
            if now != entry:
                changed.append(now)
        return changed
