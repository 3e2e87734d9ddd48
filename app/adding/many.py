"""Adds many books: sends a few at once, in order, and follows their jobs until all have ended."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace

from app.adding.entry import DONE, Entry
from app.adding.following import Following
from app.adding.sending import BUSY, Sender
from app.client import ClientError, NoAnswerError

AT_ONCE = 4
_POLL_S = 0.5
# Where a service that is busy or away does not say when to ask again.
_RETRY_S = 5.0
# How often in a row the service may not be there.
_ATTEMPTS = 12


def add_many(sender: Sender, entries: Sequence[Entry], *, wait: bool = True) -> Iterator[Entry]:
    """Send the entries' files and yield each entry as it changes, until all are learned or failed.

    Without `wait` it ends as soon as all are sent. ClientError: the key is refused, or the service stays
    away. Closed early, it waits for the uploads under way.
    """
    waiting = deque(entry for entry in entries if entry.state not in DONE)
    sending: dict[Future[Entry], Entry] = {}
    following = Following(sender.client)
    first: dict[str, Entry] = {}
    not_before, next_poll = 0.0, 0.0
    absences = unheard = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            while waiting or sending or (wait and following):
                while waiting and len(sending) < AT_ONCE and time.monotonic() >= not_before:
                    entry = replace(waiting.popleft(), state="uploading", reason="")
                    yield entry
                    sending[pool.submit(sender.send, entry)] = entry
                if sending:
                    ended, _ = wait_for(sending, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                else:
                    time.sleep(_POLL_S)
                    ended = set()
                for future in sorted(ended, key=lambda each: sending[each].number):
                    del sending[future]
                    entry = future.result()
                    absences = absences + 1 if entry.state == "waiting" and entry.retry_after is None else 0
                    if absences >= _ATTEMPTS:
                        entry = entry.failed(entry.reason)
                    elif entry.state == "waiting":
                        waiting.appendleft(entry)
                        not_before = time.monotonic() + (entry.retry_after or _RETRY_S)
                    elif entry.book is not None and entry.book in first:
                        other = first[entry.book]
                        entry = replace(entry, state="known", reason=f"the same book as {other.name}")
                    elif entry.book is not None:
                        first[entry.book] = entry
                        following.follow(entry)
                    yield entry
                if time.monotonic() < next_poll:
                    continue
                next_poll = time.monotonic() + _POLL_S
                try:
                    changed = following.poll()
                    unheard = 0
                except ClientError as error:
                    unheard += 1
                    if unheard >= _ATTEMPTS or not (isinstance(error, NoAnswerError) or error.status in BUSY):
                        raise
                    next_poll = time.monotonic() + (error.retry_after or _RETRY_S)
                    continue
                if any(entry.state != "queued" for entry in changed):
                    # There is room in the service's queue again.
                    not_before = 0.0
                yield from changed
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
