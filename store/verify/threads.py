"""Checks threads: turns without gaps, and answers that can be read."""

from collections.abc import Iterator

from sqlalchemy import func, select

from store.tables import Turn
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding

_CHUNK = 10


def check(context: CheckContext) -> Iterator[Finding]:
    """Check the numbers of turns, and read every answer; one that is no JSON any more raises ValueError."""
    counted = select(Turn.thread_id, func.count(), func.max(Turn.number)).group_by(Turn.thread_id)
    for thread, count, last in context.session.execute(counted.order_by(Turn.thread_id)):
        if count != last:
            yield Finding("thread", f"Thread {thread} has {count} turns, numbered up to {last}.", RESTORE)
    answers = select(Turn.question, Turn.answer).execution_options(yield_per=_CHUNK)
    wrong = sum(answer.get("question") != question for question, answer in context.session.execute(answers))
    if wrong:
        yield Finding("thread", f"{wrong} answers of threads are not to the question before them.", RESTORE)
    context.on_progress("threads", 1, 1)
