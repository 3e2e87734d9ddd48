"""A bucket: bytes of artifacts outside the database, in S3, GCS, Azure or a folder that machines share."""

import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from store.errors import BucketUnreachableError, StoreFullError

_SCHEMES = ("s3", "gs", "az", "file")
_EXPECTED = "expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER"
# A bucket that is away says so within ten seconds, while it hangs too. No bound is on a whole object, which
# may be large and the line slow: 5 MiB go in one request, and none may rest for longer than `read_timeout`.
_CLIENT = {"connect_timeout": "3s", "read_timeout": "8s", "timeout": "1h"}
_RETRIES = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=4),
    "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=1), "base": 2},
}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
_PROBE = "probe"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a library: its name, which is the SHA-256 of its bytes if it is ours, and its size."""

    name: str
    size: int
    written_at: datetime


class Bucket:
    """The bucket that a URL names. What is smaller than `least_bytes` stays in the database.

    Each library has a folder of its own there, its *home*, so that two libraries may share a bucket without
    one deleting what the other needs. In it the object of bytes is named by their SHA-256, `ab/abcdef...`.
    """

    def __init__(self, url: str, least_bytes: int = 1) -> None:
        """Nothing is connected to yet. Endpoint and credentials are those of the usual variables, such as
        AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID.

        ValueError: the URL is no good. BucketUnreachableError: obstore is not installed, what it needs to
        know of the bucket is not set, or a folder is not there.
        """
        parts = urlsplit(url)
        place = parts.path.strip("/") if parts.scheme == "file" else parts.netloc
        if parts.scheme not in _SCHEMES or not place or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(_EXPECTED)
        if parts.scheme == "file" and parts.netloc:
            raise ValueError(_EXPECTED)
        try:
            from obstore import exceptions, store
        except ImportError as error:
            raise BucketUnreachableError(
                "A bucket needs a library that is not installed: pip install 'bookchorus[bucket]'"
            ) from error
        self.url = url.rstrip("/")
        self.least_bytes = least_bytes
        # Of a library that has nothing here: a new one, or where it had something last.
        self.home = f"library-{secrets.token_hex(8)}"
        # What `store.outside.send` has put ahead of its transaction.
        self.sent: set[tuple[str, str]] = set()
        self._errors = exceptions.BaseError, OSError
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        if self._folder is not None and not self._folder.is_dir():
            raise BucketUnreachableError(f"There is no folder {self._folder}: make it, or mount it.")
        plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
        client = {**_CLIENT, "allow_http": True} if plain else _CLIENT
        remote = {"client_options": client, "retry_config": _RETRIES}
        with self._translated_errors():
            # Its overloads tell apart what only the URL does.
            from_url: Any = store.from_url
            self._objects = from_url(self.url, **({} if self._folder else remote))

    def place(self, home: str) -> str:
        """The URL of a library's home, as its rows name it."""
        return f"{self.url}/{home}"

    def expect(self, home: str) -> None:
        """Raise BucketUnreachableError where a folder should have this home and has not: it is not mounted,
        and what is done there would be done under its mount point.
        """
        if self._folder is not None and not (self._folder / home).is_dir():
            raise BucketUnreachableError(self._empty(home))

    def put(self, home: str, sha256: str, data: bytes | Path) -> None:
        """Write an object, whole or not at all, of bytes or a file; one that is there is written over."""
        with self._translated_errors():
            self._objects.put(_path(home, sha256), data, chunk_size=5 << 20, max_concurrency=1)

    def get(self, home: str, sha256: str) -> bytes | None:
        """The bytes of an object, as they are now; None where it is gone.

        BucketUnreachableError also where nothing is left of the library at all: that is a folder which is not
        mounted, or another bucket, and nothing that happened to one artifact.
        """
        try:
            with self._translated_errors(gone=True):
                return bytes(self._objects.get(_path(home, sha256)).bytes())
        except _GoneError:
            if next(self.objects(home), None) is None:
                raise BucketUnreachableError(self._empty(home)) from None
            return None

    def fetch(self, home: str, sha256: str, file: Path) -> bool:
        """Write the bytes of an object, as they are now, to a file; False where it is gone."""
        try:
            with self._translated_errors(gone=True):
                chunks = self._objects.get(_path(home, sha256)).stream()
                with file.open("wb") as opened:
                    for chunk in chunks:
                        opened.write(chunk)
        except _GoneError:
            return False
        return True

    def size(self, home: str, sha256: str) -> int | None:
        """How many bytes an object has; None where there is none."""
        try:
            with self._translated_errors(gone=True):
                size: int = self._objects.head(_path(home, sha256))["size"]
                return size
        except _GoneError:
            return None

    def delete(self, home: str, hashes: Collection[str]) -> None:
        """Delete objects; those that are gone already count as deleted."""
        self.expect(home)
        paths = [_path(home, sha256) for sha256 in hashes]
        try:
            with self._translated_errors(gone=True):
                self._objects.delete(paths)
        except _GoneError:
            # A folder stops at the first that is gone.
            for path in paths:
                with suppress(_GoneError), self._translated_errors(gone=True):
                    self._objects.delete(path)

    def objects(self, home: str) -> Iterator[StoredObject]:
        """All objects of a library. What is no object of ours has its whole path as its name."""
        with self._translated_errors():
            for chunk in self._objects.list(home):
                for found in chunk:
                    name = found["path"].rpartition("/")[2]
                    ours = found["path"] == _path(home, name)
                    yield StoredObject(name if ours else found["path"], found["size"], found["last_modified"])

    def check(self) -> None:
        """Write an object, read it and delete it. BucketUnreachableError: one of them cannot be done."""
        path, data = f"{_PROBE}-{secrets.token_hex(8)}", secrets.token_bytes(32)
        with self._translated_errors():
            self._objects.put(path, data)
            try:
                read = bytes(self._objects.get(path).bytes())
            finally:
                self._objects.delete(path)
        if read != data:
            raise BucketUnreachableError(f"The bucket {self.url} gives back other bytes than it was given.")

    def _empty(self, home: str) -> str:
        return f"{self.url} has nothing of this library, no {home}: is it the right one, and mounted?"

    @contextmanager
    def _translated_errors(self, *, gone: bool = False) -> Iterator[None]:
        """With `gone`, an object that is not there is _GoneError, else an error of the bucket."""
        try:
            yield
        # obstore's own errors are no OSError, but of an object or a bucket that is not there it raises one.
        except self._errors as error:
            if gone and isinstance(error, FileNotFoundError):
                raise _GoneError(self._said(error)) from error
            if "os error 28" in str(error):
                raise StoreFullError(f"There is no room left in {self.url}.") from error
            raise BucketUnreachableError(self._said(error)) from error

    def _said(self, error: BaseException) -> str:
        why = str(error).partition("\n")[0].strip().rstrip(".")
        return f"The bucket {self.url} cannot be used: {why}."


class _GoneError(Exception):
    """An object, or its whole bucket, is not there."""


def _path(home: str, sha256: str) -> str:
    return f"{home}/{sha256[:2]}/{sha256}"
