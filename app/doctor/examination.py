"""All checks in their order: what is wrong with one does not keep the others from being made."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from app.doctor.check import Check
from app.doctor.quiet import quiet
from app.settings import Settings

T = TypeVar("T")


def examine(settings: Settings) -> Iterator[Check]:
    """Yield what each check finds, as soon as it is found. Nothing is made or changed, but for
    an object that is written to a bucket and deleted.
    """
    # Each room is imported where it is needed: PyTorch may be what is not there.
    from app.doctor import machine, models

    yield machine.python()
    torch = _silently(machine.pytorch)
    yield torch
    target = None
    if torch.state == "ok":
        check, target = _silently(lambda: machine.device(settings))
        yield check
    if target is not None:
        found = target
        yield _silently(lambda: machine.bitsandbytes(settings, found))
    check, parameters = _silently(lambda: models.model(settings))
    yield check
    if target is not None:
        found = target
        yield _silently(lambda: machine.memory(found, parameters))
    yield from _kept(settings)
    if torch.state == "ok":
        yield _silently(lambda: models.embedder(settings))


def _kept(settings: Settings) -> Iterator[Check]:
    """The checks of what is kept, and of the address."""
    from app.doctor import address, library, machine

    yield machine.disk(settings, library.database_bytes(settings))
    yield library.folder(settings)
    yield _silently(lambda: library.database(settings))
    if settings.artifacts is not None:
        yield _silently(lambda: library.bucket(settings))
    yield _silently(lambda: library.index(settings))
    yield _silently(lambda: address.port(settings))
    yield _silently(lambda: address.access(settings))


def _silently(check: Callable[[], T]) -> T:
    with quiet():
        return check()
