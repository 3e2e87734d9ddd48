"""Decodes answers: rows of any books, members and texts, in one batch."""

import math
from collections.abc import Callable, Generator, Sequence
from typing import cast

import torch
from torch import Tensor

from trainer.llm import templates
from trainer.llm.batch_types import Completion, Row
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.mixture import Mixing
from trainer.llm.pause import Pause

# Dropping finished rows copies the cache of all others, so the batch shrinks only to this share or less.
_SHRINK_AT = 0.75
# As many of the likeliest tokens are looked at first where one is drawn.
_LIKELIEST = 256


def decode(
    llm: FrozenLLM,
    rows: Sequence[Row],
    on_completion: Callable[[int, Completion], None] = lambda *_: None,
    is_wanted: Callable[[int], bool] = lambda _: True,
) -> list[Completion]:
    """Decode all rows in one batch; a completion for each, in their order.

    `on_completion` and `is_wanted` are those of `decode_stepwise`.
    """
    steps = decode_stepwise(llm, rows, on_completion, is_wanted)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(list[Completion], end.value)


@torch.no_grad()
def decode_stepwise(
    llm: FrozenLLM,
    rows: Sequence[Row],
    on_completion: Callable[[int, Completion], None] = lambda *_: None,
    is_wanted: Callable[[int], bool] = lambda _: True,
) -> Generator[Pause, None, list[Completion]]:
    """Decode all rows in one batch, with a pause after each token, in which the LLM may do other work;
    returns a completion for each, in their order.

    `on_completion` is called with a row's number and completion as soon as its answer is complete. When
    `is_wanted` says False to a row's number, the row leaves the batch with the tokens decoded so far, without
    that call. An answer depends on its row (or its mixture) and seed alone, not on the rest of the batch.
    """
    completions = [Completion() for _ in rows]
    if not rows:
        return completions
    longest = max(row.max_new_tokens for row in rows)
    mixing = Mixing([row.part for row in rows])
    drawn_as = [rows[leader] for leader in mixing.leaders()]
    draws = torch.stack([_uniform(row, longest) for row in drawn_as]).to(llm.device)
    temperature = torch.tensor([row.temperature for row in drawn_as], device=llm.device)
    top_p = torch.tensor([row.top_p for row in drawn_as], device=llm.device)
    decoding = llm.start_decoding(rows, longest + 1)
    last_tokens: Tensor | None = None
    stops = sorted(llm.stop_tokens)
    active: list[int | None] = list(range(len(rows)))  # None: complete or unwanted, but still in the batch
    judged: set[int] = set()  # rows that have ended, and are asked whether their answers are right
    for index in range(longest + 1):
        log_probabilities = (decoding.step(last_tokens) @ llm.head.T).float().log_softmax(-1)
        if index == 0:
            _first_token(rows, completions, log_probabilities, stops, mixing)
        complete = [place for place, number in enumerate(active) if number in judged]
        for place, right in zip(complete, _verdicts(llm, log_probabilities[complete]), strict=True):
            completions[active[place] or 0].right = right
        mixed = mixing.mixed(active, log_probabilities)
        drawn = torch.tensor([number or 0 for number in active], device=llm.device)
        tokens = _draw(mixed, draws[drawn, min(index, longest - 1)], temperature[drawn], top_p[drawn])
        likelihoods = log_probabilities.gather(-1, tokens[:, None]).squeeze(-1).tolist()
        for place, token in enumerate(tokens.tolist()):
            number = active[place]
            if number is None or number in judged:
                continue
            row, completion = rows[number], completions[number]
            completion.log_likelihoods.append(likelihoods[place])
            mixing.scale(number, likelihoods[place])
            completion.ended = token in llm.stop_tokens
            if not completion.ended:
                completion.tokens.append(token)
            if completion.ended and row.judged:
                judged.add(number)
                tokens[place] = templates.end(llm)
            elif completion.ended or len(completion.tokens) == row.max_new_tokens:
                completion.right = 0.0 if row.judged else None
                complete.append(place)
            elif not is_wanted(number):
                active[place] = None
        for place in complete:
            number = active[place]
            assert number is not None
            active[place] = None
            on_completion(number, completions[number])
        kept = [place for place, number in enumerate(active) if number is not None]
        if not kept:
            break
        if len(kept) <= _SHRINK_AT * len(active):
            decoding.select(torch.tensor(kept, device=llm.device))
            active = [active[place] for place in kept]
            tokens = tokens[kept]
        last_tokens = tokens
        yield Pause()
    return completions


def _verdicts(llm: FrozenLLM, log_probabilities: Tensor) -> list[float]:
    """How probable it is that each answer is right [rows], of its two verdicts alone."""
    if not len(log_probabilities):
        return []
    found: list[float] = log_probabilities[:, list(templates.verdicts(llm))].softmax(-1)[:, 0].tolist()
    return found


def _first_token(
    rows: Sequence[Row],
    completions: Sequence[Completion],
    log_probabilities: Tensor,
    stops: list[int],
    mixing: Mixing,
) -> None:
    """Set each completion's `silence`, and rule silence out, in place, for the rows that must speak.

    Such a row's weight in its mixture is multiplied by the probability that it gives an answer.
    """
    for number, silence in enumerate(log_probabilities[:, stops].exp().sum(-1).tolist()):
        completions[number].silence = silence
    speaking = [number for number, row in enumerate(rows) if row.must_speak]
    if speaking:
        spoken = log_probabilities[speaking]
        spoken[:, stops] = -torch.inf
        log_probabilities[speaking] = spoken.log_softmax(-1)
        for number in speaking:
            mixing.scale(number, math.log(max(1e-6, 1 - completions[number].silence)))


def _uniform(row: Row, count: int) -> Tensor:
    """`count` random numbers between 0 and 1, by the row's seed."""
    # Drawn one at a time, so that the first ones do not depend on the count.
    generator = torch.Generator().manual_seed(row.seed)
    return torch.stack([torch.rand((), generator=generator) for _ in range(count)])


def _draw(log_probabilities: Tensor, uniform: Tensor, temperature: Tensor, top_p: Tensor) -> Tensor:
    """A token for each row [rows]: the likeliest at temperature 0, else from the nucleus (1904.09751)."""
    greedy = log_probabilities.argmax(-1)
    if not bool((temperature > 0).any()):
        return greedy
    probabilities = (log_probabilities / temperature.clamp(min=1e-6)[:, None]).softmax(-1)
    # The head of the order is found much faster than all of it, and almost always holds the nucleus.
    descending, order = probabilities.topk(min(_LIKELIEST, probabilities.shape[-1]))
    cumulative = descending.cumsum(-1)
    if bool((cumulative[:, -1] < top_p).any()):
        descending, order = probabilities.sort(-1, descending=True)
        cumulative = descending.cumsum(-1)
    # The size of the nucleus: the likeliest tokens up to and including the one that reaches top_p.
    nucleus = (cumulative - descending < top_p[:, None]).sum(-1, keepdim=True)
    mass = cumulative.gather(-1, nucleus - 1)
    place = torch.searchsorted(cumulative, uniform[:, None] * mass).clamp(max=nucleus - 1)
    return torch.where(temperature > 0, order.gather(-1, place).squeeze(-1), greedy)
