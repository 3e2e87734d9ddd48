"""The parts of the service as deployments of Ray Serve; `application` is what a Serve config names.

Serve has each process import this file first: what is slow to import, a part imports when it is made.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from ray.serve.schema import LoggingConfig

from app.cluster.answerer import MOST_CALLS, Answerer
from app.cluster.figures import RayFigures
from app.cluster.trainer import Trainer
from app.engine.records import DecodeRequest, Judgement, Prompt, Reply, Roster
from app.settings import Settings, load
from trainer.lean_imports import quick_start

NAME = "bookchorus"
ANSWERER, TRAINER, WEB = "Answerer", "Trainer", "Web"
# Requests that one process takes at a time; it refuses asks over its own limit itself.
_MOST_REQUESTS = 1000
# Versions whose questions go to an answerer that was asked of them before. It keeps contexts by their bytes.
_MOST_VERSIONS = 256
# How long a replica that is told to end may take, with the job that it gives back; and how long it waits
# before it looks whether it is asked anything still. Who asks too late asks another one.
_END_SECONDS = 30.0
_LATE_SECONDS = 0.2
# How long it takes until a replica that died is missed.
_HEALTH_SECONDS = 3.0
# Serve writes a line for each call otherwise.
_QUIET = LoggingConfig(log_level="WARNING", enable_access_log=False)


class AnswererReplica(Answerer):
    """An answerer to which questions about a version go once it was asked one, unless it has more to do."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._figures = RayFigures(self.state)

    @serve.multiplexed(max_num_models_per_replica=_MOST_VERSIONS)  # type: ignore[untyped-decorator]
    async def _asked_of(self, version: str) -> str:
        return version

    async def _note_version(self) -> None:
        version = serve.get_multiplexed_model_id()
        if version:
            await self._asked_of(version)

    async def roster(self, skill: str, book: str, version: int) -> Roster:
        """As `Engine.roster`."""
        await self._note_version()
        return await super().roster(skill, book, version)

    async def judge(self, skill: str, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[Judgement]:
        """As `Engine.judge`."""
        await self._note_version()
        return await super().judge(skill, prompts, answers)

    async def answer(self, skill: str, requests: Sequence[DecodeRequest]) -> AsyncIterator[tuple[int, Reply]]:
        """As `Engine.answer`."""
        await self._note_version()
        async for reply in super().answer(skill, requests):
            yield reply

    def check_health(self) -> None:
        """As `Answerer.check_health`; tells Ray its figures, too."""
        super().check_health()
        self._figures.report()

    def __del__(self) -> None:
        self.close()


class TrainerReplica(Trainer):
    """A trainer that gives its job back when the cluster ends it."""

    def __del__(self) -> None:
        self.close()


def application(args: Mapping[str, Any]) -> Application:
    """The application of a Serve config, whose `args` are settings by their names, in small letters.

    What they do not say, each node's BOOKCHORUS_ variables do. How many replicas there are, and with which
    resources, is the config's matter. Raises CommandError for a setting that is wrong.
    """
    settings = load(args)

    def built() -> FastAPI:
        # Serve calls this in an event loop, in which nothing of it may be waited for.
        with quick_start(), ThreadPoolExecutor(1) as thread:
            from app.cluster.web import web_service
            from app.http.server import create_app

            asking = serve.get_deployment_handle(ANSWERER, NAME)
            return create_app(thread.submit(web_service, settings, asking).result())

    @serve.ingress(built)
    class Web:
        """Takes requests; the others are its arguments so that they are deployed with it."""

        def __init__(self, *others: object) -> None:
            self._others = others

    web = _deployed(Web, WEB, max_ongoing_requests=_MOST_REQUESTS)
    return cast(Application, web.bind(answerers(settings), trainers(settings)))


def answerers(settings: Settings, replicas: int = 1, **resources: Any) -> Application:
    """Processes that answer, each with an LLM of its own and these resources of Ray's."""
    deployed = _deployed(
        AnswererReplica,
        ANSWERER,
        num_replicas=replicas,
        max_ongoing_requests=MOST_CALLS,
        ray_actor_options=resources,
    )
    return cast(Application, deployed.bind(settings))


def trainers(settings: Settings, replicas: int = 1, **resources: Any) -> Application:
    """Processes that learn books, each with an LLM of its own and these resources of Ray's."""
    deployed = _deployed(TrainerReplica, TRAINER, num_replicas=replicas, ray_actor_options=resources)
    return cast(Application, deployed.bind(settings))


def _deployed(kind: type, name: str, **options: Any) -> Any:
    deploy = serve.deployment(
        name=name,
        graceful_shutdown_timeout_s=_END_SECONDS,
        graceful_shutdown_wait_loop_s=_LATE_SECONDS,
        health_check_period_s=_HEALTH_SECONDS,
        logging_config=_QUIET,
        **options,
    )
    return deploy(kind)
