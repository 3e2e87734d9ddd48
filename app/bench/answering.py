"""`bookchorus bench ask`: what an answer takes by one member, by all in a batch, and with PEFT one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from app.answering import readers
from app.answering.readers import Reader
from app.bench.clock import typical
from app.bench.limits import token_bytes
from app.bench.peak import Peak, peak
from app.bench.profiling import Profile, profile
from app.bench.steps import Tell, Work
from app.bench.subject import Head, Subject
from app.engine.member_cache import Voice
from app.errors import CommandError
from trainer.baseline.peft_loop import PEFT_METHODS, peft_loop
from trainer.llm import templates
from trainer.llm.context import Context
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.dispatch import initial_members, member_contexts
from trainer.options import Method
from trainer.recipe import Recipe

QUESTION = "Who kept the lamp?"


@dataclass(frozen=True)
class Ask:
    """Members of a method, each of which reads a passage of random text and answers in so many tokens."""

    method: Method = "prompt"
    members: int = 8
    virtual_tokens: int = 100
    rank: int = 8
    passage_tokens: int = 256
    answer_tokens: int = 32

    def __post_init__(self) -> None:
        """CommandError: a size is none."""
        for name, size in vars(self).items():
            if isinstance(size, int) and size < 1:
                raise CommandError(f"{name}: Input should be greater than or equal to 1")


class AskWay(BaseModel):
    """One way to answer, from the question to the last token; `answers` are those of it.

    `passage_kept`: what members have read of it is there already, as for all questions but the first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    answers: int
    passage_kept: bool
    seconds: float
    tokens_per_second: float
    peak: Peak


class AskReport(BaseModel):
    """The ways beside one another; `ratio` is how many times as fast all answer in a batch as with PEFT, when
    both read the passage.
    """

    model_config = ConfigDict(frozen=True)

    head: Head
    method: str
    members: int
    virtual_tokens: int
    passage_tokens: int
    question_tokens: int
    answer_tokens: int
    times: int
    ways: list[AskWay]
    ratio: float | None
    profile: Profile | None


def measure_asking(
    subject: Subject, ask: Ask, times: int, *, baseline: bool, profiled: bool, tell: Tell
) -> AskReport:
    """Answer, in each way, so many times; the medians. CommandError: the LLM cannot be had."""
    tell(f"makes {subject.shape}")
    llm = subject.llm()
    head = subject.head(llm)
    chorus = Asked(llm, ask)
    ways = []
    for name, count, kept in (
        ("one member", 1, False),
        ("one member, passage kept", 1, True),
        ("all members in a batch", ask.members, False),
        ("all members in a batch, passage kept", ask.members, True),
    ):
        tell(name)
        contexts = chorus.read(count) if kept else None
        ways.append(_way(llm, ask, name, count, times, kept, lambda: chorus.answer(count, contexts)))  # noqa: B023
    found = None
    if profiled:
        tell("one answer of all members, profiled")
        known = chorus.read(ask.members)
        found = profile(
            lambda: chorus.answer(ask.members, known),
            llm.device,
            llm.identity.dtype,
            seconds=ways[-1].seconds,
            what="bytes",
            asked=token_bytes(llm) * ask.answer_tokens,
        )
    if baseline:
        tell(f"PEFT's {PEFT_METHODS[ask.method][0]}, one member after the other")
        ways.append(_baseline(llm, ask, chorus.read_behind, times))
    return AskReport(
        head=head,
        method=ask.method,
        members=ask.members,
        virtual_tokens=ask.virtual_tokens,
        passage_tokens=ask.passage_tokens,
        question_tokens=len(templates.question(llm, QUESTION)),
        answer_tokens=ask.answer_tokens,
        times=times,
        ways=ways,
        ratio=ways[-1].seconds / ways[2].seconds if baseline else None,
        profile=found,
    )


class Asked:
    """Members of an LLM with a passage and a question, as the service has them answer."""

    def __init__(self, llm: FrozenLLM, ask: Ask) -> None:
        self._llm = llm
        self._ask = ask
        recipe = Recipe(
            method=ask.method,
            members=ask.members,
            virtual_tokens=ask.virtual_tokens,
            rank=ask.rank,
            initialisation="blank",
        )
        try:
            learned = initial_members(llm, [], recipe)
        except ValueError as error:
            raise CommandError(f"{error}.") from error
        self._voices = [Voice("bench", None, number, learned[[number]]) for number in range(ask.members)]
        self._passage = llm.encode(Work(row_tokens=ask.passage_tokens).text)[: ask.passage_tokens]

    @property
    def read_behind(self) -> list[int]:
        """The passage and the question, as PEFT reads them."""
        return [*self._passage, *templates.question(self._llm, QUESTION)]

    def read(self, count: int) -> list[Context]:
        """What the first `count` members keep of the passage."""
        learned = [voice.learned for voice in self._voices[:count] if voice.learned is not None]
        members = member_contexts(self._llm, learned, None)
        return prefill(self._llm, [self._passage] * count, members)

    def answer(self, count: int, contexts: Sequence[Context] | None) -> None:
        """Let them answer, and read the passage where nothing is kept of it."""
        known = self.read(count) if contexts is None else contexts
        voices = zip(self._voices[:count], known, strict=True)
        listening = readers.ask(self._llm, [Reader(voice, context) for voice, context in voices], QUESTION)
        unheard = templates.question(self._llm, QUESTION)[-1:]
        rows = readers.rows(self._llm, listening, unheard)
        decode(self._llm, [replace(row, max_new_tokens=self._ask.answer_tokens) for row in rows])


def _baseline(llm: FrozenLLM, ask: Ask, tokens: Sequence[int], times: int) -> AskWay:
    with peft_loop(llm, ask.method, ask.virtual_tokens) as model:
        model.add(ask.members)

        def answer() -> None:
            for member in range(ask.members):
                model.answer(member, tokens, ask.answer_tokens)

        name = f"PEFT {PEFT_METHODS[ask.method][0]}, one by one"
        return _way(llm, ask, name, ask.members, times, False, answer)


def _way(
    llm: FrozenLLM, ask: Ask, name: str, answers: int, times: int, kept: bool, answer: Callable[[], None]
) -> AskWay:
    found: list[float] = []
    most = peak(lambda: found.append(typical(answer, llm.device, times)), llm.device)
    return AskWay(
        name=name,
        answers=answers,
        passage_kept=kept,
        seconds=found[0],
        tokens_per_second=answers * ask.answer_tokens / found[0],
        peak=most,
    )
