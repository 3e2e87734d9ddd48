"""An answerer: an LLM with its skill and the caches of members and contexts, asked by other processes.

Whoever only asks it imports no LLM with this file: that is for the answerer's own process, when it starts.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from app.answering.skill_in_force import SkillRecord, record_of
from app.cluster.skill_choice import SkillChoice
from app.engine.errors import EngineClosedError
from app.engine.records import DecodeRequest, Judgement, Prompt, Reading, Reply, Roster
from app.resources.database import open_database
from app.settings import Settings
from app.telemetry import logs
from trainer.lean_imports import quick_start

if TYPE_CHECKING:
    from app.inspection import Inspection
    from trainer.llm.frozen_llm import Identity

T = TypeVar("T")
# How many calls are worked on at a time; the LLM puts together those that wait.
MOST_CALLS = 32
# How long the LLM may take to end what it is at.
_CLOSE_SECONDS = 10.0


@dataclass(frozen=True)
class AnswererFacts:
    """What an answerer says of itself once; all answerers of a cluster are the same.

    `starting` is the number of members as the skill lets them start.
    """

    identity: "Identity"
    on_cpu: bool
    skill: SkillRecord
    starting: int


class OtherSkillError(Exception):
    """An answerer answers behind another skill than its caller weighs by; `facts` are the answerer's."""

    def __init__(self, facts: AnswererFacts) -> None:
        super().__init__(facts)
        self.facts = facts


class Answerer:
    """What `Engine` and `Desk` are, over calls from elsewhere: all arguments and results can be pickled.

    Each call of the engine names the `skill` that its answers will be weighed by, by its digest. Raises
    OtherSkillError where that is another one. `state` tells what the engine is at and what it keeps.
    """

    def __init__(self, settings: Settings) -> None:
        """Load the LLM. Raises CommandError where it or the database cannot be had."""
        logs.configure(settings.log_level, settings.log_format)
        with quick_start():
            from app.resources.llm import load_llm
            from app.service.assembly import equipped_llm
            from app.telemetry.engine_state import EngineState
            from app.transfer.desk import LocalDesk

            self._database = open_database(settings, lives=True)
            self._llm = equipped_llm(settings, self._database, load_llm(settings))
        self._engine = self._llm.engine
        self._desk = LocalDesk(self._database, self._llm.members, self._llm.scheduler)
        self._choice = SkillChoice(self._database, self._engine.identity, self._llm.skill.id)
        self._facts = AnswererFacts(
            self._engine.identity,
            self._engine.on_cpu,
            record_of(self._llm.skill),
            len(self._engine.starting_members("")),
        )
        self.state = EngineState(self._llm.scheduler, self._engine, self._llm.members)
        self._threads = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="answer")

    async def facts(self) -> AnswererFacts:
        """What it is."""
        return self._facts

    async def roster(self, skill: str, book: str, version: int) -> Roster:
        """As `Engine.roster`."""
        self._expect(skill)
        return await self._in_thread(lambda: self._engine.roster(book, version))

    async def have_read(self, skill: str, readings: Sequence[Reading]) -> list[bool]:
        """As `Engine.have_read`."""
        self._expect(skill)
        return self._engine.have_read(readings)

    async def judge(self, skill: str, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[Judgement]:
        """As `Engine.judge`."""
        self._expect(skill)
        return await self._in_thread(lambda: self._engine.judge(prompts, answers))

    async def answer(self, skill: str, requests: Sequence[DecodeRequest]) -> AsyncIterator[tuple[int, Reply]]:
        """As `Engine.answer`; it is not wanted any more once this is closed."""
        self._expect(skill)
        loop, come = asyncio.get_running_loop(), asyncio.Queue[tuple[int, Reply] | BaseException | None]()
        gone = threading.Event()

        def put(what: tuple[int, Reply] | BaseException | None) -> None:
            loop.call_soon_threadsafe(come.put_nowait, what)

        def decode() -> None:
            try:
                for reply in self._engine.answer(requests, lambda: not gone.is_set()):
                    put(reply)
            except BaseException as error:
                put(error)
            else:
                put(None)

        self._threads.submit(decode)
        try:
            while (one := await come.get()) is not None:
                if isinstance(one, BaseException):
                    raise one
                yield one
        finally:
            gone.set()

    async def export(self, book: str, ref: str) -> AsyncIterator[str | bytes]:
        """As `Desk.export`: the file name, then the bytes."""
        name, archive = await self._in_thread(lambda: self._desk.export(book, ref))
        yield name
        while (some := await self._in_thread(lambda: next(archive, None))) is not None:
            yield some

    async def take_in(self, book: str, data: bytes, promote: bool, force: bool, who: str) -> int:
        """As `Desk.take_in`."""
        return await self._in_thread(
            lambda: self._desk.take_in(book, data, promote=promote, force=force, who=who)
        )

    async def inspect(self, book: str, ref: str) -> "Inspection":
        """As `Desk.inspect`."""
        return await self._in_thread(lambda: self._desk.inspect(book, ref))

    def check_health(self) -> None:
        """Raise EngineClosedError once no question is answered any more, CommandError once another skill was
        chosen: a process that starts takes it up.
        """
        if not self._engine.alive:
            raise EngineClosedError()
        self._choice.expect()

    def close(self) -> None:
        """End the LLM's thread and close the database; what goes on ends with EngineClosedError."""
        self._llm.scheduler.close(_CLOSE_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    def _expect(self, skill: str) -> None:
        if skill != self._facts.skill.digest:
            raise OtherSkillError(self._facts)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
