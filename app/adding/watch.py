"""Keeps folders in step with the service: new files are added, changed ones revised, gone ones told."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from app.adding.entry import Entry
from app.adding.following import Following
from app.adding.many import AT_ONCE
from app.adding.sending import Sender, sha256_of
from app.adding.watched_folder import Kept, Look, Stamp, WatchedFolder
from app.client import ClientError

# The key is refused, or may not do this: another file would do no better.
_REFUSED = (401, 403)


class Watch:
    """Keeps folders in step, one look at them after another; with `delete` a book goes with its file.

    `counts` says how often a book was added, revised, known, gone, removed, and how often one failed.
    """

    def __init__(self, sender: Sender, folders: Sequence[Path], *, delete: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self._sender = sender
        self._delete = delete
        self._folders = [WatchedFolder(folder) for folder in folders]
        self._following = Following(sender.client)
        self._numbers = count()
        self._checked = False
        self._not_before = 0.0
        # Whether something of this step is left for a later one.
        self._late = False
        self._troubles: list[str] = []
        self._told: set[str] = set()

    @property
    def in_step(self) -> int:
        """How many files of the folders the service has."""
        return sum(len(folder.kept) for folder in self._folders)

    def step(self) -> Iterator[Entry]:
        """Look at the folders once; yield each entry that changes.

        A file is sent when it is as it was at the step before, since it may still be written. Files that are
        gone are told when all others are in step, so that one that was moved is known by its content. What
        cannot be done now, as the service is away or busy, is done by a later step; `troubles` says what.
        Raises ClientError where the key is refused.
        """
        self._troubles, self._late = [], False
        try:
            if not self._checked:
                self._forget_strange_books()
                self._checked = True
            looks = self._looks()
            for folder, look in looks:
                yield from self._send(folder, look.ready)
            if not self._late and not any(look.growing for _, look in looks):
                for folder, look in looks:
                    # One whose place another format took is no longer kept.
                    for path in filter(folder.kept.__contains__, look.gone):
                        # A folder without any book may be a disk that is not there.
                        yield self._gone(folder, path, remove=self._delete and not look.empty)
            for entry in self._following.poll():
                self.counts["failed"] += entry.state == "failed"
                yield entry
        except ClientError as error:
            if error.status in _REFUSED:
                raise
            # The service may come back with another library.
            self._checked = False
            self._troubles.append(str(error))
        finally:
            self._save()

    def troubles(self) -> list[str]:
        """Return what kept the last step from its work, and was not told by the step before."""
        new = [trouble for trouble in self._troubles if trouble not in self._told]
        self._told = set(self._troubles)
        return new

    def _forget_strange_books(self) -> None:
        """Forget books that the service has not, such as one that was removed: they are added again."""
        if self.in_step:
            there = {book.id for book in self._sender.client.books()}
            for folder in self._folders:
                folder.kept = {path: one for path, one in folder.kept.items() if one.book in there}

    def _looks(self) -> list[tuple[WatchedFolder, Look]]:
        """Look at all folders; one that cannot be listed is left out, and what is known of it stays."""
        looks = []
        for folder in self._folders:
            try:
                looks.append((folder, folder.look()))
            except OSError as error:
                self._late = True
                self._troubles.append(f"Cannot look into {folder.path}: {error.strerror}.")
        return looks

    def _save(self) -> None:
        for folder in self._folders:
            if not folder.save():
                self._troubles.append(f"Cannot write into {folder.path}: the next watch will not know it.")

    def _send(self, folder: WatchedFolder, ready: dict[Path, Stamp]) -> Iterator[Entry]:
        """Send the files a few at once, until one has to wait."""
        files = iter(ready.items())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while not self._late and (some := list(islice(files, AT_ONCE))):
                if time.monotonic() < self._not_before:
                    self._late = True
                    self._troubles.extend(self._told)
                    return
                paths = [path for path, _ in some]
                for (path, stamp), entry in zip(
                    some, pool.map(lambda path: self._sent(folder, path), paths), strict=True
                ):
                    if entry.state == "waiting":
                        self._not_before = time.monotonic() + (entry.retry_after or 0.0)
                        self._checked, self._late = False, True
                        self._troubles.append(entry.reason)
                    elif self._take_in(folder, path, stamp, entry):
                        yield entry

    def _sent(self, folder: WatchedFolder, path: Path) -> Entry:
        entry = Entry(next(self._numbers), folder.path / path, path.name)
        earlier = folder.earlier(path)
        kept = None if earlier is None else folder.kept[earlier]
        try:
            if kept is not None and sha256_of(entry.path) == kept.sha256:
                return replace(entry, state="known", book=kept.book, sha256=kept.sha256)
        except OSError as error:
            return entry.failed(f"Cannot read it: {error.strerror}.")
        return self._sender.send(entry, None if kept is None else kept.book)

    def _take_in(self, folder: WatchedFolder, path: Path, stamp: Stamp, entry: Entry) -> bool:
        """Keep what became of a file; return whether that is worth telling."""
        if entry.book is None or entry.sha256 is None:
            folder.refused[path] = stamp
            self.counts["failed"] += 1
            return True
        earlier = folder.earlier(path)
        before = None if earlier is None else folder.kept.pop(earlier)
        folder.kept[path] = Kept(book=entry.book, sha256=entry.sha256, stamp=stamp)
        if before is not None and before.sha256 == entry.sha256:
            return False
        self._following.follow(entry)
        self.counts["failed"] += entry.state == "failed"
        self.counts["revised" if entry.revised else "known" if entry.known else "added"] += 1
        return True

    def _gone(self, folder: WatchedFolder, path: Path, *, remove: bool) -> Entry:
        """Take out a file that is not there any more, and with `remove` its book, if no other file has it."""
        kept = folder.kept[path]
        entry = Entry(next(self._numbers), folder.path / path, path.name, "gone", kept.book)
        same = [
            each
            for every in self._folders
            for each, one in every.kept.items()
            if one.book == kept.book and (every is not folder or each != path)
        ]
        if same:
            entry = replace(entry, reason=f"its book is that of {same[0].name}")
        elif remove:
            try:
                self._sender.client.remove(kept.book)
            except ClientError as error:
                if error.status != 404:
                    raise
            self._following.forget(kept.book)
            entry = replace(entry, state="removed")
        del folder.kept[path]
        self.counts[entry.state] += 1
        return entry
