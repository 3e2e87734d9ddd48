"""Workers: who takes jobs, and when each was last heard of, by the database's clock."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store import clock
from store.tables import Worker

# A worker is heard of every ten seconds; one of which nothing is heard for so long counts as gone.
_HEARD_SECONDS = 60.0
# Rows of workers that vanished are of no use after a day.
_KEPT = timedelta(days=1)


def heard_of(session: Session, name: str) -> None:
    """Note that a worker lives."""
    now = clock.now(session)
    known = session.get(Worker, name)
    if known is not None:
        known.seen_at = now
    else:
        session.add(Worker(name=name, seen_at=now))
        session.execute(delete(Worker).where(Worker.seen_at < now - _KEPT))
    session.flush()


def gone(session: Session, name: str) -> None:
    """Note that a worker takes no more jobs."""
    session.execute(delete(Worker).where(Worker.name == name))


def any_alive(session: Session, but: str | None = None) -> bool:
    """Whether a worker was heard of within the last minute, another than `but`.

    A moment that lies ahead of the database's clock by more was written before the clock was set back.
    """
    now, lately = clock.now(session), timedelta(seconds=_HEARD_SECONDS)
    seen = select(Worker.name).where(Worker.seen_at > now - lately, Worker.seen_at < now + lately)
    return any(name != but for name in session.scalars(seen))
