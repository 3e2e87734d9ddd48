"""Answers of readers to questions about stories that the skill did not learn from, to fit on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from app.answering.per_passage import ANSWER_TOKENS
from app.answering.reader_assignment import READERS, Seat, assigned
from app.answering.types import Passage, PassageAnswer
from app.datasets.library import Library
from app.datasets.metrics import rouge_l
from app.datasets.questions import Dataset
from app.engine.engine import Engine
from app.engine.records import DecodeRequest, MemberId


@dataclass(frozen=True)
class Sample:
    """What the readers of a story answered to one question, and how good each answer is (0 to 1).

    `own` says whether the question is about that story, or about another.
    """

    answers: list[PassageAnswer]
    quality: list[float]
    own: bool


def collect_samples(
    engine: Engine,
    dataset: Dataset,
    library: Library,
    judged: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> list[Sample]:
    """Ask every question of the readers of its story and, where there are several stories, of another story.

    The readers are members that have learned no book, each with one of the best passages. Their answers are
    `judged` where the skill has learned to.
    """
    at_once = 8 if engine.on_cpu else 64
    found: list[Sample] = []
    for story in dataset.stories:
        ranking = library.ranking(story)
        book = library.book(story.name)
        readers = engine.starting_members(book) or [MemberId(book)] * READERS
        asked = (story.name, dataset.other(story.name))
        questions = [one for one in dataset.questions if one.story in asked]
        for first in range(0, len(questions), at_once):
            batch = questions[first : first + at_once]
            taken = [_seats(readers, ranking(question.text)[:READERS]) for question in batch]
            requests = [
                DecodeRequest(seat.reading(question.text), ANSWER_TOKENS, judged=judged)
                for question, seats in zip(batch, taken, strict=True)
                for seat in seats
            ]
            replies = iter([reply for _, reply in sorted(engine.answer(requests), key=itemgetter(0))])
            for question, seats in zip(batch, taken, strict=True):
                answers = [seat.heard(next(replies)) for seat in seats]
                quality = [rouge_l(one.text, question.answers) for one in answers]
                found.append(Sample(answers, quality, question.story == story.name))
            on_progress(f"asks the readers of {story.name}: {len(found)} questions answered")
    return found


def _seats(readers: Sequence[MemberId], passages: Sequence[Passage]) -> list[Seat]:
    """Each passage once, whoever reads it."""
    pairs = assigned(len(readers), [passage.ordinal for passage in passages])
    return [Seat(readers[reader], 0, passages[place]) for reader, place in pairs[: len(passages)]]
