"""What keeps a service from starting, told before anything slow is imported."""

import errno
import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.errors import CommandError
from app.settings import Settings, is_loopback
from trainer.llm.availability import ModelUnavailableError, check_name


def check_start(settings: Settings, *, listens: bool = True) -> None:
    """Raise CommandError, with one line, where the service cannot start: other machines could reach it, and
    there is no key, its address is taken if it listens, its folder cannot be made, its model or device is not
    there.
    """
    if listens:
        check_guarded(settings, _keys_made)
        check_address(settings.host, settings.port)
    check_folder(settings.data_dir)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(_unmade(settings.data_dir, error.strerror)) from error
    try:
        check_name(settings.model)
        if settings.device.startswith("cuda"):
            from trainer.llm.devices import named_device  # imports torch

            named_device(settings.device)
    except ModelUnavailableError as error:
        raise CommandError(f"{error} (The settings are BOOKCHORUS_MODEL and BOOKCHORUS_DEVICE.)") from error


def check_guarded(settings: Settings, keys_made: Callable[[Settings], bool]) -> None:
    """Raise CommandError for an address that other machines reach while there is no key.

    The database is only asked, by `keys_made`, where it must be.
    """
    if is_loopback(settings.host) or settings.admin_key is not None:
        return
    there = settings.database_url is not None or (settings.data_dir / "bookchorus.db").is_file()
    if there and keys_made(settings):
        return
    raise CommandError(
        f"Other machines reach host {settings.host}, and there is no key: make one with "
        "'bookchorus keys add', set BOOKCHORUS_ADMIN_KEY, or use host 127.0.0.1."
    )


def _keys_made(settings: Settings) -> bool:
    # SQLAlchemy takes a while to import, and most services listen on this machine alone.
    from app.resources.database import open_database
    from store import keys

    with closing(open_database(settings)) as database, database.read() as session:
        return keys.any_made(session)


def check_folder(folder: Path) -> None:
    """Raise CommandError for a folder that cannot be made or, where it is there, not be written into."""
    nearest = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not nearest.is_dir():
        raise CommandError(_unmade(folder, os.strerror(errno.ENOTDIR)))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise CommandError(_unmade(folder, os.strerror(errno.EACCES)))


def _unmade(folder: Path, why: str | None) -> str:
    what = "be written into" if folder.is_dir() else "be made"
    return f"The folder {folder} cannot {what}: {why}."


class AddressError(CommandError):
    """Nothing can listen on an address: what was `seen`, and how to `mend` it."""

    def __init__(self, seen: str, mend: str) -> None:
        super().__init__(f"{seen} {mend}")
        self.seen = seen
        self.mend = mend


def check_address(host: str, port: int) -> None:
    """Raise AddressError for an address on which nothing can listen."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        seen = f"Nothing can listen on {host}:{port}: {error.strerror or error}."
        if error.errno == errno.EADDRINUSE:
            mend = "End what listens there, or name another port with --port."
        elif error.errno == errno.EACCES:
            mend = "Name another port with --port, 1024 or above."
        else:
            mend = "Name another address with --host."
        raise AddressError(seen, mend) from error
