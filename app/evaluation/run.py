"""An evaluation from data to report: resumable, with progress, story after story."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.evaluation.data import Dataset, Question, Story
from app.evaluation.library import Library
from app.evaluation.predictions import Ledger, Prediction
from app.evaluation.systems import OpenStory, predictions
from app.evaluation.versions import Versions
from app.skills import LoadedSkill
from trainer.frozen import FrozenLLM
from trainer.recipe import Recipe

_LEARNED = ("member", "member_closed", "chorus")


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: the systems on a dataset, with an LLM, its skill prompt and a recipe for members."""

    llm: FrozenLLM
    skill: LoadedSkill
    dataset: Dataset
    systems: Sequence[str]
    recipe: Recipe
    cache: Path

    def run(self, tell: Callable[[str], None] = lambda _: None) -> list[Prediction]:
        """Answer every question by every system; what a run before this one answered is not asked again."""
        self.cache.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(self.cache / f"answers-{self._key()}.jsonl")
        versions = Versions(self.cache / "versions", self.llm, self.skill, self.recipe)
        library = Library(self.dataset.stories, self.cache / "library")
        for number, story in enumerate(self.dataset.stories, start=1):
            questions = [question for question in self.dataset.questions if question.story == story.name]
            place = f"story {number} of {len(self.dataset.stories)}, {story.name}"
            missing = [
                (system, question)
                for question in questions
                for system in self.systems
                if not ledger.has(system, story.name, question.number)
            ]
            if missing:
                self._answer(story, missing, versions, library, ledger, partial(_at, tell, place))
        wanted = {(question.story, question.number) for question in self.dataset.questions}
        return [
            one for one in ledger.all() if (one.story, one.question) in wanted and self._asked(one.system)
        ]

    def _answer(
        self,
        story: Story,
        missing: Iterable[tuple[str, Question]],
        versions: Versions,
        library: Library,
        ledger: Ledger,
        tell: Callable[[str], None],
    ) -> None:
        pairs = list(missing)
        members = None
        if any(system in _LEARNED for system, _ in pairs):
            members = versions.members(story, tell)
        opened = OpenStory(self.llm, self.skill, story, members, library.ranking(story.name))
        for count, (system, question) in enumerate(pairs, start=1):
            tell(f"answer {count} of {len(pairs)}, {system}")
            measured = predictions(opened, system, question, library.first(question.text) == story.name)
            # The one that `has` looks for is written last: with it, all are there.
            for prediction in reversed(measured):
                ledger.add(prediction)

    def _asked(self, name: str) -> bool:
        return name.split(" ")[0].rstrip(":") in self.systems or ("chorus" in self.systems and name[0] == "(")

    def _key(self) -> str:
        identity = self.llm.identity
        decides = [
            identity.id,
            identity.revision,
            identity.dtype,
            identity.quantization,
            hashlib.sha256(self.skill.artifact).hexdigest(),
            self.skill.weighting.model_dump(),
            self.recipe.model_dump(),
            [[story.name, len(story.sections)] for story in self.dataset.stories],
        ]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _at(tell: Callable[[str], None], place: str, what: str) -> None:
    tell(f"{place}: {what}")
