"""Self-study: the frozen LLM, a passage in its context, writes questions about it and answers them.

Cartridges (2506.06266) calls it so. What it writes is filtered: a question must be new, an answer must be
likely, be carried by the passage's words and not stand in the question already.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trainer.llm import templates
from trainer.llm.batch_types import Row
from trainer.llm.context import Context
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill

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
_ANSWER_TOKENS = 32
# Passages whose questions are written in one batch.
_BATCH = 4


@dataclass(frozen=True)
class SyntheticQuestion:
    """A question about the passage of this number, and the answer to it."""

    passage: int
    kind: str
    question: str
    answer: str
    log_likelihood: float

    def as_json(self) -> dict[str, Any]:
        """What `store` keeps."""
        return asdict(self)


def synthesise(
    llm: FrozenLLM,
    passages: Sequence[tuple[int, str]],
    skill: Context,
    *,
    kinds: Sequence[str] = tuple(KINDS),
    temperature: float = 0.7,
    seed: int = 0,
) -> Iterator[list[SyntheticQuestion]]:
    """Write a question of each kind about each passage, and answer it; yields what passes, batch by batch.

    A passage is its number and its text; `skill` is what the LLM reads before it.
    """
    known: set[str] = set()
    for first in range(0, len(passages), _BATCH):
        batch = passages[first : first + _BATCH]
        contexts = prefill(llm, [templates.passages(llm, [text]) for _, text in batch], skill)
        entries = [
            (passage, context, kind)
            for passage, context in zip(batch, contexts, strict=True)
            for kind in kinds
        ]
        rows = [
            Row(
                None,
                templates.asking(llm),
                _QUESTION_TOKENS,
                temperature,
                seed=seed + number + first * len(kinds),
                context=context,
                beginning=llm.encode(KINDS[kind]),
            )
            for number, (_, context, kind) in enumerate(entries)
        ]
        asked = [
            templates.first_line(llm.text([*row.beginning, *completion.tokens])) if completion.ended else ""
            for row, completion in zip(rows, decode(llm, rows), strict=True)
        ]
        answers = decode(
            llm,
            [
                Row(None, templates.question(llm, question), _ANSWER_TOKENS, context=context)
                for (_, context, _), question in zip(entries, asked, strict=True)
            ],
        )
        items = []
        for (passage, _, kind), question, completion in zip(entries, asked, answers, strict=True):
            answer = templates.first_line(llm.text(completion.tokens))
            if completion.ended and passes(question, answer, passage[1]) and _key(question) not in known:
                known.add(_key(question))
                items.append(SyntheticQuestion(passage[0], kind, question, answer, completion.log_likelihood))
        yield items


def passes(question: str, answer: str, passage: str) -> bool:
    """Whether a question ends as one, and its answer is carried by the passage and not by the question.

    At least half of the answer's words of four letters or more (of all, where it has none) must be the
    passage's, and at least one none of the question's.
    """
    said = _words(answer)
    if not question.endswith("?") or len(_words(question)) < 3 or not said:
        return False
    heavy = {word for word in said if len(word) > 3} or said
    told = sum(word in _words(passage) for word in heavy) / len(heavy)
    return told >= 0.5 and not heavy <= _words(question)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _key(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.casefold()))
