"""One attempt at a job: its book is learned, compared with the champion, and published."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from app.answering.skill import LoadedSkill
from app.asking.asker import LoadedAsker
from app.engine.errors import EngineClosedError
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.training import promotion, provenance
from app.training.checkpointing import Checkpointing, checkpoint_key
from app.training.comparison import Comparison
from app.training.heartbeat import Heartbeat
from app.training.patience import Patience
from app.training.provenance import Source
from app.training.publishing import publish_trained
from app.training.reporting import Reporting
from app.training.study import Studying
from app.training.time_budget import Foreseen, OnTop, TimeBudget, TooFewSteps
from app.training.trial import Asked, Scored, Trial
from store import outside, versions
from store.database import Database
from store.search.index import PassageIndex
from store.tables import Job, Study
from trainer.book_training import Prepared, resolved, train_book
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Learned, Progress, Stepped
from trainer.question_writing import Unfinished, Writing, Written, write_questions
from trainer.recipe import Recipe

Piece = TypeVar("Piece", bound=Progress | Prepared | Asked | Scored | Writing | Written)


class LeavingError(Exception):
    """The worker is to leave its job."""


class JobRunner:
    """Runs one job under its lease of so many seconds, which is renewed as it goes on.

    The LLM works on the scheduler's thread, when no ask waits. `leaving` says whether the worker is to leave,
    within so many seconds at most. All that `happened` is told, pauses too.
    """

    def __init__(
        self,
        job: Job,
        database: Database,
        scheduler: Scheduler,
        index: PassageIndex,
        members: MemberCache,
        skill: LoadedSkill,
        trial: Trial,
        *,
        lease_seconds: float,
        microbatches: Microbatches | None,
        keep_versions: int = 0,
        asker: LoadedAsker | None = None,
        leaving: Callable[[float], bool],
        happened: Callable[[object], None] = lambda _: None,
    ) -> None:
        self._job = job
        self._database = database
        self._scheduler = scheduler
        self._index = index
        self._llm = scheduler.llm
        self._members = members
        self._skill = skill
        self._lease_seconds = lease_seconds
        self._microbatches = microbatches
        self._keep_versions = keep_versions
        self._asker = asker
        self._leaving = leaving
        self._happened = happened
        self._heartbeat = Heartbeat(database, job, lease_seconds)
        self._patiently = Patience(job, self._stay)
        self._reporting = Reporting(database, job, lease_seconds)
        told = partial(self._reporting.phase, "trial")
        self._comparison = Comparison(database, job, members, trial, self._llm.device, self._pieces, told)
        self._checkpoints: Checkpointing | None = None

    def call(self) -> None:
        """Look at once whether somebody wants the job cancelled; may be called from any thread."""
        self._heartbeat.call()

    def run(self) -> None:
        """Learn and publish, from where an attempt before has got to; blocks until the job has ended.

        Raises CancelledError or LeavingError between two pieces of work, NotFoundError or StaleTokenError
        when the job is no longer ours, EngineClosedError, and what learning raises.
        """
        with self._heartbeat:
            try:
                self._run()
            except (EngineClosedError, LeavingError):
                if self._checkpoints is not None:
                    self._checkpoints.keep()
                raise

    def _run(self) -> None:
        recipe = resolved(Recipe(**self._job.recipe), self._skill.skill)
        budget = TimeBudget(recipe)
        self._tell(budget.on_top(embeds=bool(self._index.by_words_alone([self._job.book_id]))))
        self._patiently("keep vectors", self._embed)
        with self._database.read() as session:
            source = provenance.source(session, self._job.book_id)
        study, questions, spent = None, None, 0.0
        if recipe.objective != "lm":
            study, questions, spent = self._study(recipe, source, budget)
        champion = self._patiently(
            "read the champion",
            lambda: promotion.champion(self._database, self._members, self._job.book_id),
        )
        identity, parent = self._llm.identity, self._job.parent_number
        key = checkpoint_key(identity, self._skill, recipe, source, parent, questions)
        self._checkpoints = Checkpointing(self._database, self._job, key, self._lease_seconds)
        progress = train_book(
            self._llm,
            source.text,
            recipe,
            self._skill.skill,
            passages=source.passage_texts,
            items=questions,
            parent=self._patiently("read the version it goes on from", self._parent),
            rivals=0 if champion.members is None else len(champion.members),
            microbatches=self._microbatches,
            resume=self._patiently("read its checkpoint", self._checkpoints.found),
            spent=spent,
        )
        for happened in self._pieces(progress):
            if isinstance(happened, Prepared):
                recipe, objective = happened.recipe, happened.objective
            elif isinstance(happened, Stepped):
                self._tell(budget.stepped(happened, objective))
            elif isinstance(happened, Learned):
                learned = happened
        self._tell(budget.learned(learned, objective))
        tried = self._comparison.tried(recipe, objective, learned, champion)
        self._publish(recipe, objective, learned, tried, source, study)

    def _embed(self) -> None:
        """Embed the book's passages that have no vector, behind the asks that wait."""
        for embedded in self._index.embed(self._job.book_id, self._scheduler.run_when_idle):
            self._stay()
            self._reporting.phase("embedding", embedded.done, embedded.total)

    def _study(
        self, recipe: Recipe, source: Source, budget: TimeBudget
    ) -> tuple[Study | None, list[StudyQuestion], float]:
        """The questions to learn from, as people have left them; the LLM writes some first, once, in so many
        seconds.
        """
        identity = self._llm.identity
        studying = Studying(self._database, self._job, identity, self._skill, recipe, source, self._asker)
        written = self._patiently("read its questions", studying.written)
        if written is None:
            asker = None if self._asker is None else self._asker.skill
            writing = write_questions(self._llm, source.passage_texts, recipe, self._skill.skill, asker)
            for happened in self._pieces(writing):
                if isinstance(happened, Writing):
                    done, places, until = happened.done, happened.total, happened.until
                    seconds = self._reporting.phase("writing", done, places, budget.writing_seconds, until)
                    self._tell(budget.writing(done, places, seconds))
            assert isinstance(happened, Written)
            written = happened
        kept = studying.keep(written)
        self._tell(budget.written(written.unfinished))
        return *kept, written.seconds

    def _parent(self) -> Members | None:
        """The members of the version that the job goes on from."""
        if self._job.parent_number is None:
            return None
        with self._database.read() as session:
            version = versions.get(session, self._job.book_id, self._job.parent_number)
        return self._members.members(version)

    def _pieces(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Each piece of work, done on the scheduler's thread behind the asks that wait."""
        while (happened := self._scheduler.run_when_idle(lambda: next(pieces, None))) is not None:
            if isinstance(happened, Stepped) and self._checkpoints is not None:
                self._checkpoints.stepped(happened)
            self._happened(happened)
            self._stay()
            if not isinstance(happened, Pause | Prepared | Asked | Scored | Writing | Written):
                self._reporting.record(happened)
            if self._checkpoints is not None:
                self._checkpoints.keep_if_due()
            yield happened

    def _tell(self, what: OnTop | Foreseen | Unfinished | TooFewSteps | None) -> None:
        """Say what there is to say of the recipe's time."""
        if what is not None:
            self._reporting.record(what)

    def _stay(self, seconds: float = 0.0) -> None:
        """Wait so long. Raises what ends the attempt: LeavingError, or what `Heartbeat.check` does."""
        if self._leaving(seconds):
            raise LeavingError()
        self._heartbeat.check()

    def _publish(
        self,
        recipe: Recipe,
        objective: Objective,
        learned: Learned,
        tried: promotion.Tried,
        source: Source,
        study: Study | None,
    ) -> None:
        """Publish, once the store lets us, what was compared with the champion of that very moment."""

        def decide() -> promotion.Decision:
            return self._comparison.decided(objective, learned, tried)

        def published() -> bool:
            outside.send(self._database, learned.members.artifacts())
            with self._database.write() as session:
                if promotion.champion_number(session, self._job.book_id) != decision.champion:
                    return False
                publish_trained(
                    session,
                    self._job,
                    recipe,
                    learned,
                    tried.adds,
                    self._llm.identity,
                    decision,
                    source,
                    self._skill,
                    study=study,
                    keep=self._keep_versions,
                )
                return True

        decision = self._patiently("be compared", decide)
        while not self._patiently("publish", published):
            decision = self._patiently("be compared", decide)
