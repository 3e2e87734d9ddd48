"""Members of an LLM without a skill prompt: all read the same passages, in one context."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch

from app.asking import turn
from app.chorus import Voice
from app.engine import Engine
from app.schemas import Candidate, Citation
from app.voting import weight
from app.weighting import softmax
from trainer.decoding import Completion, Row
from trainer.packing import Exchange, Pack, pack_losses
from trainer.turns import first_line

# Answers are short; a member that rambles is cut.
_ANSWER_TOKENS = 40
# What a question gets when it does not say.
_TEMPERATURE = 0.3
# The bare LLM answers as often as a small chorus, so that there is something to vote on.
_BARE_SAMPLES = 4


class Together:
    """Lets voices answer on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def turn(
        self, question: str, voices: Sequence[Voice], citations: Sequence[Citation]
    ) -> tuple[list[int], list[Citation]]:
        """The tokens that all voices read, and the citations in them, in book order."""
        longest = max(0 if voice.prompt is None else len(voice.prompt) for voice in voices)
        room = self._engine.llm.context_tokens - longest - _ANSWER_TOKENS
        return turn(self._engine.llm, question, citations, room)

    def candidates(
        self,
        voices: Sequence[Voice],
        tokens: Sequence[int],
        samples: int,
        temperature: float | None,
        seed: int,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """What the voices answer, all that were given whenever there is one more, in the voices' order."""
        entries = [(voice, sample) for voice in voices for sample in range(_samples(voice, samples))]
        rows = [
            Row(
                voice.prompt,
                tokens,
                _ANSWER_TOKENS,
                _TEMPERATURE if temperature is None else temperature,
                seed=seed + number,
            )
            for number, (voice, _) in enumerate(entries)
        ]
        heard: dict[int, Candidate] = {}
        for number, completion in self._engine.follow(rows, lambda _: wanted()):
            heard[number] = self._spoken(*entries[number], completion)
            yield [heard[each] for each in sorted(heard)]

    def choose(
        self, voices: Sequence[Voice], tokens: Sequence[int], choices: Sequence[str]
    ) -> list[Candidate]:
        """A candidate for every voice and choice, weighed by the choice's likelihood per token to the voice;
        a voice's weights are together 1.
        """
        found = []
        for voice in voices:
            means = self._engine.first(partial(self._means, voice, tokens, choices)).result()
            for text, mean, share in zip(choices, means, softmax(means), strict=True):
                found.append(voice.candidate(text, mean, share))
        return found

    @torch.no_grad()
    def _means(self, voice: Voice, tokens: Sequence[int], choices: Sequence[str]) -> list[float]:
        """Each choice's log-likelihood, mean per token, behind the voice and what it has read."""
        llm = self._engine.llm
        exchanges = [Exchange(tokens[-1:], llm.encode(choice)) for choice in choices]
        prompts = None if voice.prompt is None else voice.prompt[None].to(llm.device)
        [losses] = pack_losses(llm, [Pack(exchanges, tokens[:-1])], prompts)
        return [-float(loss.mean()) for loss in losses]

    def _spoken(self, voice: Voice, sample: int, completion: Completion) -> Candidate:
        text = first_line(self._engine.llm.text(completion.tokens))
        likelihood = completion.log_likelihood
        return voice.candidate(text, likelihood, weight(likelihood), sample=sample)


def _samples(voice: Voice, wanted: int) -> int:
    return wanted if voice.prompt is not None else max(wanted, _BARE_SAMPLES)
