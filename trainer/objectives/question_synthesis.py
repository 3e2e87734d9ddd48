"""Synthetic questions for self-study (Cartridges, 2506.06266): the LLM asks and answers about a passage.

Questions are filtered: each must be new, and its answer must be made of the passage's words without standing
in the question already.
"""

import re
from collections.abc import Iterator, Sequence

from trainer.llm import templates
from trainer.llm.batch_types import Row
from trainer.llm.context import Context
from trainer.llm.decoding import decode_stepwise
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.pause import Pause
from trainer.llm.prefill import prefill
from trainer.objectives.study_question import StudyQuestion, question_key

# How questions of each kind begin; the LLM writes the rest.
KINDS = {
    "who": "Who",
    "what": "What did",
    "where": "Where",
    "why": "Why did",
    "how": "How did",
    "what next": "What happened after",
    "cause": "What happened because",
}
_QUESTION_TOKENS = 32
ANSWER_TOKENS = 32
# Places of the book in one batch: a token of so many rows costs little more than one of a single place's.
PLACES_AT_ONCE = 4


def synthesise(
    llm: FrozenLLM,
    passages: Sequence[tuple[int, str]],
    skill: Context,
    *,
    kinds: Sequence[str] = tuple(KINDS),
    temperature: float = 0.7,
    seed: int = 0,
    order: Sequence[int] | None = None,
) -> Iterator[Pause | list[StudyQuestion]]:
    """Write a question of each kind about each passage, and answer it; yields what passes, per passage, and
    pauses, in which the LLM may do other work.

    Passages come in the `order` of their places in the list, or one after the other, a few at once.

    `passages` are numbers and texts; `skill` is the context of the skill, which precedes them.
    Questions are sampled at `temperature`, answers are the likeliest.
    """
    known: set[str] = set()
    places = range(len(passages)) if order is None else order
    for first in range(0, len(places), PLACES_AT_ONCE):
        batch = places[first : first + PLACES_AT_ONCE]
        contexts = prefill(llm, [templates.passages(llm, [passages[place][1]]) for place in batch], skill)
        entries = [
            (place, context, kind) for place, context in zip(batch, contexts, strict=True) for kind in kinds
        ]
        rows = [
            Row(
                None,
                templates.asking(llm),
                _QUESTION_TOKENS,
                temperature,
                # Each passage has the same seeds, whenever its turn comes.
                seed=seed + place * len(kinds) + number % len(kinds),
                context=context,
                beginning=llm.encode(KINDS[kind]),
            )
            for number, (place, context, kind) in enumerate(entries)
        ]
        yield Pause()
        asked = yield from decode_stepwise(llm, rows)
        questions = [
            templates.first_line(llm.text([*row.beginning, *completion.tokens])) if completion.ended else ""
            for row, completion in zip(rows, asked, strict=True)
        ]
        turns = [
            Row(None, templates.question(llm, question), ANSWER_TOKENS, context=context)
            for (_, context, _), question in zip(entries, questions, strict=True)
        ]
        answers = yield from decode_stepwise(llm, turns)
        found: dict[int, list[StudyQuestion]] = {place: [] for place in batch}
        for (place, _, kind), question, completion in zip(entries, questions, answers, strict=True):
            number, text = passages[place]
            answer = templates.first_line(llm.text(completion.tokens))
            if (
                completion.ended
                and passes_filters(question, answer, text)
                and question_key(question) not in known
            ):
                known.add(question_key(question))
                found[place].append(StudyQuestion(number, kind, question, answer, completion.log_likelihood))
        yield from found.values()


def passes_filters(question: str, answer: str, passage: str) -> bool:
    """Whether a question is one, and its answer comes from the passage and not from the question.

    Half or more of the answer's content words are in the passage.
    """
    if not is_question(question) or not adds_something(answer, question):
        return False
    content = _content(answer)
    return len(content & words(passage)) >= len(content) / 2


def is_question(text: str) -> bool:
    """Whether a text has three different words or more and a question mark at its end."""
    return text.endswith("?") and len(words(text)) >= 3


def adds_something(answer: str, question: str) -> bool:
    """Whether one or more of an answer's content words are not in the question."""
    return not _content(answer) <= words(question)


def words(text: str) -> set[str]:
    """The words of a text, without case."""
    return set(re.findall(r"\w+", text.casefold()))


def _content(answer: str) -> set[str]:
    """An answer's words of four letters or more; all its words, if it has no such."""
    found = words(answer)
    return {word for word in found if len(word) > 3} or found
