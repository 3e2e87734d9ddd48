"""Threads in the shapes of the API, and words out of these, by which they are found."""

from collections.abc import Collection, Sequence

from app import schemas
from app.http.serializers.records import unix
from store import tables
from store.search.words import folded_words
from store.segmentation import is_blank
from store.threads import Outline


def title_of(given: str | None) -> str | None:
    """A title as it is kept, None where there is nothing to see in it."""
    return None if given is None or is_blank(given) else " ".join(given.split())


def words_of(*texts: str | None) -> list[str]:
    """The words of these texts, by which a thread is found."""
    return folded_words(" ".join(filter(None, texts)))


def said(turns: Sequence[tables.Turn]) -> list[str]:
    """What was asked and answered in these turns, the oldest first; nothing where no answer was given."""
    answers = [schemas.Answer.model_validate(turn.answer) for turn in turns]
    return [text for each in answers for text in (each.question, each.answer) if text]


def cited(turns: Sequence[tables.Turn]) -> set[int]:
    """The ids of the passages that these turns cite."""
    return {one["passage"] for turn in turns for one in turn.answer["citations"]}


def thread(row: tables.Thread, outline: Outline) -> schemas.Thread:
    """A thread as a list shows it."""
    return schemas.Thread(
        id=row.id,
        title=row.title or outline.question,
        questions=outline.turns,
        created_at=unix(row.created_at),
        changed_at=unix(outline.last_at or row.created_at),
    )


def whole(
    row: tables.Thread, outline: Outline, turns: Sequence[tables.Turn], there: Collection[int]
) -> schemas.WholeThread:
    """A thread with its turns, of whose citations the passages with these ids are still there."""
    return schemas.WholeThread(
        **thread(row, outline).model_dump(), turns=[_turn(each, there) for each in turns]
    )


def _turn(row: tables.Turn, there: Collection[int]) -> schemas.Turn:
    answer = schemas.Answer.model_validate(row.answer)
    passages = dict.fromkeys(one.passage for one in answer.citations)
    return schemas.Turn(
        number=row.number,
        answer=answer,
        gone=[passage for passage in passages if passage not in there],
        created_at=unix(row.created_at),
    )
