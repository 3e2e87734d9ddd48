"""The panel of an LLM without a skill prompt: all members read the same passages, in one context."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from app.answering.prompt import turn
from app.answering.strategy import Verdict
from app.answering.voting import Embed, chosen, vote, weight
from app.answering.weighting import softmax
from app.engine.engine import Engine
from app.engine.member_cache import Voice
from app.schemas import AskRequest, Candidate, Citation
from store.search.index import Hit, PassageIndex
from trainer.llm.batch_types import Completion, Exchange, Pack, Row
from trainer.llm.context import Context
from trainer.llm.mixture import Mixture, Part
from trainer.llm.packing import pack_losses
from trainer.llm.templates import first_line

# Answers are short; a member that rambles is cut.
_ANSWER_TOKENS = 40
# What a question gets when it does not say.
_PASSAGES = 3
_TEMPERATURE = 0.3
# The bare LLM answers as often as a small chorus, so that there is something to vote on.
_BARE_SAMPLES = 4


class Together:
    """Lets voices answer on one engine, all from the same few passages."""

    def __init__(self, engine: Engine, embed: Embed) -> None:
        self._engine = engine
        self._embed = embed

    def unlearned(self, book: str) -> list[Voice]:
        """Who answers about a book that nobody has learned: the bare LLM."""
        return [Voice(book)]

    def find(self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]) -> list[Hit]:
        """The best `k` passages of all the books."""
        return index.search(question, k or _PASSAGES, books)

    def reads(self, question: str, voices: Sequence[Voice], quotes: Sequence[Citation]) -> list[Citation]:
        """The passages that the LLM's context has room for, in book order."""
        return self._turn(question, voices, quotes)[1]

    def candidates(
        self,
        request: AskRequest,
        voices: Sequence[Voice],
        quotes: Sequence[Citation],
        *,
        seed: int = 0,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[list[Candidate]]:
        """The answers of the voices, `samples` each, in the order of the voices; each weighs as much as it is
        likely to its voice, length-normalised.

        Of choices, each voice gives one candidate for every choice; in a mixture, all say the same.
        """
        tokens, _ = self._turn(request.question, voices, quotes)
        if request.choices:
            yield self._choose(voices, tokens, request.choices)
            return
        wished = request.samples or 1
        entries = [(voice, sample) for voice in voices for sample in range(_samples(voice, wished))]
        places = {voice: self._place(voice) for voice in voices}
        mixtures = [Mixture() for _ in range(max(sample for _, sample in entries) + 1)]
        rows = [
            Row(
                prompt,
                tokens,
                _ANSWER_TOKENS,
                _TEMPERATURE if request.temperature is None else request.temperature,
                seed=seed + number,
                context=context,
                part=Part(mixtures[sample]) if request.strategy == "mixture" else None,
            )
            for number, (voice, sample) in enumerate(entries)
            for context, prompt in [places[voice]]
        ]
        heard: dict[int, Candidate] = {}
        for number, completion in self._engine.follow(rows, lambda _: wanted()):
            heard[number] = self._spoken(*entries[number], completion)
            yield [heard[each] for each in sorted(heard)]

    def decide(
        self, request: AskRequest, candidates: Sequence[Candidate], quotes: Sequence[Citation]
    ) -> Verdict:
        """The heaviest vote; the confidence is its share."""
        votes = chosen(candidates) if request.choices else vote(candidates, self._embed)
        return Verdict(votes, votes[0].answer, votes[0].share) if votes else Verdict([], "", 0.0)

    def _turn(
        self, question: str, voices: Sequence[Voice], quotes: Sequence[Citation]
    ) -> tuple[list[int], list[Citation]]:
        """The tokens that all voices read, and the citations in them, in book order."""
        longest = max(voice.learned.virtual_tokens if voice.learned else 0 for voice in voices)
        room = self._engine.llm.context_tokens - longest - _ANSWER_TOKENS
        return turn(self._engine.llm, question, quotes, room)

    def _choose(
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
        context, prompt = self._place(voice)
        prompts = None if prompt is None else prompt[None].to(llm.device)
        [losses] = pack_losses(llm, [Pack(exchanges, tokens[:-1], context)], prompts)
        return [-float(loss.mean()) for loss in losses]

    def _place(self, voice: Voice) -> tuple[Context | None, Tensor | None]:
        """What a voice reads behind: a context, and behind that a soft prompt."""
        if voice.learned is None:
            return None, None
        at = voice.learned.condition(self._engine.llm, [0], None)
        return at.contexts[0], None if at.prompts is None else at.prompts[0]

    def _spoken(self, voice: Voice, sample: int, completion: Completion) -> Candidate:
        text = first_line(self._engine.llm.text(completion.tokens))
        likelihood = completion.log_likelihood
        return voice.candidate(text, likelihood, weight(likelihood), sample=sample)


def _samples(voice: Voice, wanted: int) -> int:
    return wanted if voice.learned is not None else max(wanted, _BARE_SAMPLES)
