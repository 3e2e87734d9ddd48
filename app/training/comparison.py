"""The comparison of what a job has learned with the champion: both answer the same questions."""

import logging
from collections.abc import Callable, Iterator, Sequence

import torch

from app.engine.member_cache import MemberCache
from app.training import promotion
from app.training.trial import Asked, Posed, Scored, Trial
from store.database import Database
from store.tables import Job
from trainer.llm.microbatches import is_out_of_memory, release_memory
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.progress import Evaluated, Learned, Progress
from trainer.recipe import Recipe

# Does each piece of work where the LLM may work, and yields what comes of it.
Pieces = Callable[[Iterator[Progress | Asked | Scored]], Iterator[Progress | Asked | Scored]]

log = logging.getLogger(__name__)


class Comparison:
    """Compares the new members of one job, piece by piece as `pieces` does them, which may raise."""

    def __init__(
        self,
        database: Database,
        job: Job,
        members: MemberCache,
        trial: Trial,
        device: torch.device,
        pieces: Pieces,
        tell: Callable[[float, int], object],
    ) -> None:
        """How many questions of the trial were asked, of how many, is what it `tell`s. A question counts by
        the share of those who were asked it, of all who will be: the members, readers without members and,
        where there is one, the champion.
        """
        self._database = database
        self._job = job
        self._members = members
        self._trial = trial
        self._device = device
        self._pieces = pieces
        self._tell = tell
        self._asked = 2

    def tried(
        self, recipe: Recipe, objective: Objective, learned: Learned, champion: promotion.Champion
    ) -> promotion.Tried:
        """How the new members answer the questions that they did not learn, and readers without members.
        `champion` is the one that will likely be asked, too.
        """
        self._asked = 2 if champion.members is None else 3
        questions = self._trial.pose(self._job.book_id, objective.heldout_questions[: recipe.trial])
        return promotion.Tried(
            questions,
            self._scores(questions, learned.members, 0),
            self._scores(questions, None, 1),
        )

    def decided(self, objective: Objective, learned: Learned, tried: promotion.Tried) -> promotion.Decision:
        """Whether the version is promoted: the champion of now is asked what the new members were asked."""
        champion = promotion.champion(self._database, self._members, self._job.book_id)
        losses, better = None, None
        if champion.members is not None:
            members = champion.members.detached(self._device)
            [*_, last] = self._pieces(promotion.measure(objective, members, learned.after.bare_loss))
            assert isinstance(last, Evaluated)
            losses = last.member_losses
            better = tried.above(self._scores(tried.questions, members, self._asked - 1))
        return promotion.decide(learned, champion, losses, better, force=self._job.force)

    def _scores(self, questions: Sequence[Posed], members: Members | None, before: int) -> Sequence[float]:
        """How good their answers are; nothing where the LLM has no memory left to say: what was learned is
        worth more than its trial. So many others were asked the questions `before`.
        """
        if not questions:
            return []
        count = len(questions)
        try:
            self._tell(before * count / self._asked, count)
            for last in self._pieces(self._trial.score(self._job.book_id, questions, members)):
                if isinstance(last, Asked):
                    self._tell((before * count + last.questions) / self._asked, count)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            error.with_traceback(None)  # it holds on to what was read
            release_memory(self._device)
            log.warning("job %s: not enough memory to ask what its members add", self._job.id)
            return []
        assert isinstance(last, Scored)
        return last.scores
