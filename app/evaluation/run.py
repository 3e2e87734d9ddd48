"""An evaluation from data to report: resumable, with progress, story after story."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.answering.skill import LoadedSkill
from app.datasets.library import Library
from app.datasets.questions import Dataset, Question, Story
from app.evaluation.predictions import Ledger, Prediction
from app.evaluation.systems import OpenStory, predictions
from app.evaluation.versions import Versions, deciding, fingerprint
from trainer.llm.frozen_llm import FrozenLLM
from trainer.recipe import Recipe

_LEARNED = ("member", "member_closed", "chorus", "elsewhere")


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
        missing = {
            story.name: [
                (system, question)
                for question in self.dataset.questions
                for system in self.systems
                if question.story == (self.dataset.other(story.name) if system == "elsewhere" else story.name)
                and not ledger.has(system, question.story, question.number)
            ]
            for story in self.dataset.stories
        }
        if any(missing.values()):
            self._answer_all(missing, ledger, tell)
        wanted = {(question.story, question.number) for question in self.dataset.questions}
        return [
            one for one in ledger.all() if (one.story, one.question) in wanted and self._asked(one.system)
        ]

    def _answer_all(
        self,
        missing: Mapping[str, Sequence[tuple[str, Question]]],
        ledger: Ledger,
        tell: Callable[[str], None],
    ) -> None:
        versions = Versions(self.cache / "versions", self.llm, self.skill, self.recipe)
        library = Library(self.dataset.stories, self.cache / "library")
        try:
            for number, story in enumerate(self.dataset.stories, start=1):
                place = f"story {number} of {len(self.dataset.stories)}, {story.name}"
                if missing[story.name]:
                    self._answer(
                        story, missing[story.name], versions, library, ledger, partial(_at, tell, place)
                    )
        finally:
            library.close()

    def _answer(
        self,
        story: Story,
        missing: Sequence[tuple[str, Question]],
        versions: Versions,
        library: Library,
        ledger: Ledger,
        tell: Callable[[str], None],
    ) -> None:
        members = None
        if any(system in _LEARNED for system, _ in missing):
            members = versions.members(story, tell)
        ranking = library.ranking(story.name)
        opened = OpenStory(self.llm, self.skill, story, members, self.recipe.members, ranking)
        for count, (system, question) in enumerate(missing, start=1):
            tell(f"answer {count} of {len(missing)}, {system}")
            measured = predictions(opened, system, question, library.first(question.text) == story.name)
            # The one that `has` looks for is written last: with it, all are there.
            for prediction in reversed(measured):
                ledger.add(prediction)

    def _asked(self, name: str) -> bool:
        return name.split(" ")[0].rstrip(":") in self.systems or ("chorus" in self.systems and name[0] == "(")

    def _key(self) -> str:
        stories = [[story.name, len(story.sections)] for story in self.dataset.stories]
        decides = (self.skill.fitted, deciding(self.recipe), stories)
        return fingerprint(self.llm, self.skill, *decides)


def _at(tell: Callable[[str], None], place: str, what: str) -> None:
    tell(f"{place}: {what}")
