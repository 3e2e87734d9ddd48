"""Asks in a thread: what was said there before goes with them, and what is answered is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app import schemas
from app.http.callers import Caller
from app.http.serializers import threads as shapes
from store import books, threads
from store.database import Database
from store.errors import NotFoundError

# What a caller names to begin a thread.
NEW = "new"
# So many turns say what was spoken of last: the last of them may be questions without an answer.
_TURNS = 2


@dataclass(frozen=True)
class Before:
    """What was said in a thread, oldest first, and the `books` that its last question was asked of.

    Those that are not there any more, or not for the caller, are left out.
    """

    said: Sequence[str] = ()
    books: Sequence[str] = ()


def before(database: Database, thread: str, caller: Caller) -> Before:
    """What was said in a thread before an ask, nothing in a new one.

    NotFoundError: the caller has no such thread. ThreadFullError, TooManyThreadsError: nothing more could be
    kept.
    """
    with database.read() as session:
        if thread == NEW:
            threads.expect_room_for_another(session, caller.owner)
            return Before()
        threads.expect_room(session, threads.get(session, thread, caller.owner))
        last = threads.turns(session, thread, _TURNS)
        asked = last[-1].books if last else []
        known = []
        for name in asked:
            try:
                books.get(session, name.partition("@")[0], caller.sees)
            except NotFoundError:
                continue
            known.append(name)
        return Before(shapes.said(last), known)


def kept(
    database: Database, thread: str, owner: str, named: Sequence[str], events: Iterator[schemas.AskEvent]
) -> Iterator[schemas.AskEvent]:
    """Pass on what happens while a question is answered; the answer is kept before, and has its thread's id.

    `named` are the books that were asked; without them it is those that the answer cites. NotFoundError:
    the thread was deleted meanwhile.
    """
    for event in events:
        if isinstance(event, schemas.Answer):
            asked = list(named) or list(dict.fromkeys(one.book for one in event.citations))
            yield _keep(database, thread, owner, asked, event)
        else:
            yield event


def _keep(
    database: Database, thread: str, owner: str, asked: Sequence[str], answer: schemas.Answer
) -> schemas.Answer:
    with database.write() as session:
        if thread == NEW:
            row = threads.begin(session, owner)
        else:
            row = threads.get(session, thread, owner, lock=True)
        whole = answer.model_copy(update={"thread": row.id})
        threads.add_turn(
            session,
            row,
            question=answer.question,
            answer=whole.model_dump(mode="json"),
            books=asked,
            words=shapes.words_of(answer.question, answer.answer),
        )
    return whole
