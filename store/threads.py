"""Threads: questions that follow one another, with their answers; each is its owner's alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, undefer

from store.errors import NotFoundError, ThreadFullError, TooManyThreadsError
from store.pagination import newest_first
from store.tables import Thread, Turn

MOST_THREADS = 10_000
MOST_TURNS = 100
# Of the answers of a thread. The last one may go beyond: nothing that was answered is let go of.
MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Outline:
    """What a list says of a thread: how many turns it has, its first question, and when the last one came.

    Of a thread without turns the question is "" and the moment None.
    """

    turns: int = 0
    question: str = ""
    last_at: datetime | None = None


def begin(session: Session, owner: str, title: str | None = None, words: Sequence[str] = ()) -> Thread:
    """Begin a thread; `words` are those of its title, by which it is found.

    TooManyThreadsError: the owner has as many as they may.
    """
    expect_room_for_another(session, owner)
    thread = Thread(owner=owner, title=title, words=_text(words))
    session.add(thread)
    session.flush()
    return thread


def get(session: Session, thread_id: str, owner: str, *, lock: bool = False) -> Thread:
    """Return a thread; with `lock` it does not change until the transaction ends.

    NotFoundError: there is none, or it is another's.
    """
    thread = session.get(Thread, thread_id, with_for_update=lock)
    if thread is None or thread.owner != owner:
        raise NotFoundError("thread", thread_id)
    return thread


def expect_room_for_another(session: Session, owner: str) -> None:
    """Raise TooManyThreadsError where an owner may begin no more threads."""
    count = session.scalar(select(func.count()).select_from(Thread).where(Thread.owner == owner)) or 0
    if count >= MOST_THREADS:
        raise TooManyThreadsError(MOST_THREADS)


def expect_room(session: Session, thread: Thread) -> None:
    """Raise ThreadFullError where a thread takes no more turns."""
    of_it = select(func.count(), func.sum(Turn.bytes)).where(Turn.thread_id == thread.id)
    turns, size = session.execute(of_it).one()
    for units, found, limit in (("turns", turns, MOST_TURNS), ("bytes", size or 0, MOST_BYTES)):
        if found >= limit:
            raise ThreadFullError(thread.id, units, limit)


def add_turn(
    session: Session,
    thread: Thread,
    *,
    question: str,
    answer: dict[str, Any],
    books: Sequence[str],
    words: Sequence[str],
) -> Turn:
    """Add what was asked and answered to a thread that is locked, whether or not it still has room.

    `books` are those that were asked, `words` those of question and answer, by which the thread is found.
    """
    last = session.scalar(select(func.max(Turn.number)).where(Turn.thread_id == thread.id)) or 0
    turn = Turn(
        thread_id=thread.id,
        number=last + 1,
        question=question,
        answer=answer,
        books=list(books),
        bytes=len(json.dumps(answer)),
        words=_text(words),
    )
    session.add(turn)
    session.flush()
    return turn


def turns(session: Session, thread_id: str, last: int | None = None) -> list[Turn]:
    """Return the turns of a thread with their answers, oldest first: all, or the `last` so many."""
    query = select(Turn).where(Turn.thread_id == thread_id).options(undefer(Turn.answer))
    rows = session.scalars(query.order_by(Turn.number.desc()).limit(last))
    return list(rows)[::-1]


def list_threads(
    session: Session,
    owner: str,
    words: Sequence[str] = (),
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Thread], bool]:
    """Return up to `limit` threads of an owner begun before the thread `after`, newest first, and whether
    more follow.

    Only those in which every one of the `words` begins a word of the title, of a question or of an answer.
    NotFoundError: the owner has no thread `after`.
    """
    cursor = None if after is None else get(session, after, owner)
    query = select(Thread).where(Thread.owner == owner)
    for word in words:
        begins = f" {word}"
        in_turn = select(Turn.number).where(
            Turn.thread_id == Thread.id, Turn.words.contains(begins, autoescape=True)
        )
        query = query.where(or_(Thread.words.contains(begins, autoescape=True), in_turn.exists()))
    return newest_first(session, query, Thread, cursor, limit)


def outlines(session: Session, threads: Sequence[Thread]) -> dict[str, Outline]:
    """Return what a list says of these threads, by their ids."""
    ids = [thread.id for thread in threads]
    counted = select(Turn.thread_id, func.count(), func.max(Turn.created_at))
    rows = session.execute(counted.where(Turn.thread_id.in_(ids)).group_by(Turn.thread_id)).all()
    first = select(Turn.thread_id, Turn.question).where(Turn.thread_id.in_(ids), Turn.number == 1)
    questions = dict(session.execute(first).all())
    found = {thread_id: Outline(count, questions[thread_id], last) for thread_id, count, last in rows}
    return {thread_id: found.get(thread_id, Outline()) for thread_id in ids}


def rename(
    session: Session, thread_id: str, owner: str, title: str | None, words: Sequence[str] = ()
) -> Thread:
    """Give a thread another title, or with None that of its first question. NotFoundError as in `get`."""
    thread = get(session, thread_id, owner, lock=True)
    thread.title, thread.words = title, _text(words)
    session.flush()
    return thread


def delete(session: Session, thread_id: str, owner: str) -> None:
    """Delete a thread with all its turns. NotFoundError as in `get`."""
    session.delete(get(session, thread_id, owner, lock=True))
    session.flush()


def _text(words: Sequence[str]) -> str:
    """Words as they are searched: a space before each."""
    return "".join(f" {word}" for word in words)
