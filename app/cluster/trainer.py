"""A trainer of a cluster: a worker that takes jobs from the database, in a process of its own."""

from functools import partial

from app.cluster.skill_choice import SkillChoice
from app.errors import CommandError
from app.settings import Settings
from app.telemetry import logs
from trainer.lean_imports import quick_start


class Trainer:
    """Takes jobs from when it is made until it is closed.

    A trainer that vanishes is a lease that ends: another one takes its job, at the last checkpoint.
    """

    def __init__(self, settings: Settings) -> None:
        """Load the LLM, and begin. Raises CommandError where it or the database cannot be had."""
        logs.configure(settings.log_level, settings.log_format)
        with quick_start():
            from app.resources.llm import load_llm
            from app.service.assembly import build
            from app.service.service import END_SECONDS

            self._service = build(settings.model_copy(update={"trains": True}), load_llm(settings))
        service = self._service
        self._choice = SkillChoice(service.database, service.engine.identity, service.skill.id)
        self._close = partial(self._service.close, END_SECONDS)

    def check_health(self) -> None:
        """Raise CommandError once no job is taken any more, or another skill was chosen to learn behind."""
        worker = self._service.worker
        if worker is None or not worker.alive:
            raise CommandError("The worker has ended by itself; the log says why.")
        self._choice.expect()

    def close(self) -> None:
        """Give the running job back, with its checkpoint."""
        self._close()
