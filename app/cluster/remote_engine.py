"""The engine whose LLM works in other processes, the answerers of a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from app.answering.calibration import Calibration
from app.answering.skill_in_force import SkillRecord
from app.answering.weighting import Weighting
from app.cluster.answerer import AnswererFacts, OtherSkillError
from app.cluster.calls import Calls
from app.engine.errors import EngineUnreachableError, UnwantedError
from app.engine.records import DecodeRequest, Judgement, MemberId, Prompt, Reading, Reply, Roster
from trainer.llm.frozen_llm import FrozenLLM, Identity


class RemoteEngine:
    """Sends each call to an answerer: questions about a version go where its contexts are kept already.

    What comes back where a call is made again is the same, so that answers which came before are not given
    twice. `llm` is the answerers' without weights: it counts tokens.

    Where another skill was chosen, the answerers take it up one by one, and `skill` becomes it once one of
    them has refused a question; one that is under way then may be refused as well, or weighed by either.
    """

    def __init__(self, calls: Calls, facts: AnswererFacts, llm: FrozenLLM) -> None:
        self._calls = calls
        self._facts = facts
        self._llm = llm

    @property
    def identity(self) -> Identity:
        """Which LLM answers."""
        return self._facts.identity

    @property
    def skill(self) -> SkillRecord:
        """What the answerers answer behind, as far as they have said so."""
        return self._facts.skill

    @property
    def alive(self) -> bool:
        """Whether questions are taken; where no answerer is there they wait for one."""
        return True

    @property
    def on_cpu(self) -> bool:
        """Whether the answerers' LLM is on a CPU."""
        return self._facts.on_cpu

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        return self._llm.count_tokens(text)

    def token_counter(self) -> Callable[[str], int]:
        """What counts the same much faster over the slices of one book, on one thread."""
        return self._llm.token_counter()

    def roster(self, book: str, version: int) -> Roster:
        """Who can answer for a version of a book; raises what `Engine.roster` does."""
        found: Roster = self._called("roster", _place(book, version), book, version)
        return found

    def starting_members(self, book: str) -> list[MemberId]:
        """The members of a book that nobody has learned, as the skill lets them start."""
        return [MemberId(book, None, number) for number in range(self._facts.starting)]

    def question(self) -> AbstractContextManager[None]:
        """Answerers train nothing that could come in between."""
        return nullcontext()

    def have_read(self, readings: Sequence[Reading]) -> list[bool]:
        """Which members have read their passages already, where their questions go."""
        if not readings:
            return []
        found: list[bool] = self._called("have_read", _of(readings[0]), list(readings))
        return found

    def answer(
        self, requests: Sequence[DecodeRequest], wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[int, Reply]]:
        """Decode all requests in one batch, see `Engine.answer`.

        Raises EngineUnreachableError too, where no answerer takes them.
        """
        if not wanted():
            raise UnwantedError
        if not requests:
            return
        told: set[int] = set()
        place = _of(requests[0].prompt)
        with self._followed():
            for number, reply in self._calls.many(
                "answer", place, self.skill.digest, list(requests), wanted=wanted
            ):
                if number not in told:
                    told.add(number)
                    yield number, reply

    def judge(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[Judgement]:
        """How likely given answers are to each prompt, see `Engine.judge`."""
        if not prompts:
            return []
        found: list[Judgement] = self._called("judge", _of(prompts[0]), list(prompts), list(answers))
        return found

    def _called(self, method: str, place: str, *arguments: object) -> Any:
        with self._followed():
            return self._calls.one(method, place, self.skill.digest, *arguments)

    @contextmanager
    def _followed(self) -> Iterator[None]:
        """Take up the skill of an answerer that has refused a call because of it."""
        try:
            yield
        except OtherSkillError as error:
            self._facts = error.facts
            raise EngineUnreachableError from None


def _of(prompt: Prompt) -> str:
    """The place where a prompt's version is kept."""
    if not isinstance(prompt, Reading):
        return ""
    return _place(prompt.member.book, prompt.member.version)


def _place(book: str, version: int | None) -> str:
    return book if version is None else f"{book}@{version}"


class AnswerersSkill:
    """The skill that an engine's answerers answer behind at the moment; see `SkillInForce`."""

    def __init__(self, engine: RemoteEngine) -> None:
        self._engine = engine

    @property
    def id(self) -> str | None:
        """As `SkillInForce.id`."""
        return self._engine.skill.id

    @property
    def digest(self) -> str:
        """As `SkillInForce.digest`."""
        return self._engine.skill.digest

    @property
    def is_instruction(self) -> bool:
        """As `SkillInForce.is_instruction`."""
        return self._engine.skill.is_instruction

    @property
    def weighting(self) -> Weighting:
        """As `SkillInForce.weighting`."""
        return self._engine.skill.weighting

    @property
    def calibration(self) -> Calibration | None:
        """As `SkillInForce.calibration`."""
        return self._engine.skill.calibration
