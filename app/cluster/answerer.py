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
from app.engine.errors import EngineClosedError
from app.engine.records import DecodeRequest, Judgement, Prompt, Reading, Reply, Roster
from app.resources.database import open_database
from app.settings import Settings
from app.telemetry import logs
from trainer.lean_imports import quick_start

if TYPE_CHECKING:
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


class Answerer:
    """What `Engine` is, over calls that can come from elsewhere: all arguments and results can be pickled."""

    def __init__(self, settings: Settings) -> None:
        """Load the LLM. Raises CommandError where it or the database cannot be had."""
        logs.configure(settings.log_level, settings.log_format)
        with quick_start():
            from app.resources.llm import load_llm
            from app.service.assembly import equipped_llm

            self._database = open_database(settings, lives=True)
            self._llm = equipped_llm(settings, self._database, load_llm(settings))
        self._engine = self._llm.engine
        self._threads = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="answer")

    async def facts(self) -> AnswererFacts:
        """What it is."""
        engine = self._engine
        return AnswererFacts(
            engine.identity, engine.on_cpu, record_of(self._llm.skill), len(engine.starting_members(""))
        )

    async def roster(self, book: str, version: int) -> Roster:
        """As `Engine.roster`."""
        return await self._in_thread(lambda: self._engine.roster(book, version))

    async def have_read(self, readings: Sequence[Reading]) -> list[bool]:
        """As `Engine.have_read`."""
        return self._engine.have_read(readings)

    async def judge(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[Judgement]:
        """As `Engine.judge`."""
        return await self._in_thread(lambda: self._engine.judge(prompts, answers))

    async def answer(self, requests: Sequence[DecodeRequest]) -> AsyncIterator[tuple[int, Reply]]:
        """As `Engine.answer`; it is not wanted any more once this is closed."""
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

    def check_health(self) -> None:
        """Raise EngineClosedError once no question is answered any more."""
        if not self._engine.alive:
            raise EngineClosedError()

    def close(self) -> None:
        """End the LLM's thread and close the database; what goes on ends with EngineClosedError."""
        self._llm.scheduler.close(_CLOSE_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
