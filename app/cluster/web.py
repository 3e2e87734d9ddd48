"""The HTTP service of a cluster: everything of the service but the LLM's work, which answerers do."""

from ray.serve.handle import DeploymentHandle

from app.cluster.answerer import Answerer, AnswererFacts
from app.cluster.calls import Calls
from app.cluster.remote_desk import RemoteDesk
from app.cluster.remote_engine import AnswerersSkill, RemoteEngine
from app.engine.embedder import WheelEmbedder
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.errors import CommandError
from app.resources.database import open_database
from app.service.assembly import AnsweringLLM, open_index, put_together
from app.service.service import Service
from app.settings import Settings
from app.telemetry import logs
from app.telemetry.telemetry import Telemetry
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.weightless import load_weightless


def web_service(settings: Settings, answerers: DeploymentHandle[Answerer]) -> Service:
    """A service that learns nothing itself, and asks these answerers; it waits until there is one.

    Raises CommandError where the database, or the tokenizer of the answerers' LLM, cannot be had here.
    """
    logs.configure(settings.log_level, settings.log_format)
    database = open_database(settings, lives=True)
    voting = WheelEmbedder()
    index = open_index(settings, database, voting)
    facts: AnswererFacts = answerers.facts.remote().result()
    try:
        llm = load_weightless(facts.identity, revision=settings.revision, cache_dir=settings.cache_dir)
    except ModelUnavailableError as error:
        raise CommandError(str(error)) from error
    calls = Calls(answerers)
    engine = RemoteEngine(calls, facts, llm)
    return put_together(
        settings.model_copy(update={"trains": False}),
        database,
        index,
        voting,
        AnsweringLLM(Scheduler(llm), MemberCache(database, llm), AnswerersSkill(engine), engine),
        RemoteDesk(calls),
        Telemetry(),
    )
