"""An evaluation from data to predictions: resumable, with progress, story after story."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.answering.per_passage import PerPassage
from app.answering.skill import LoadedSkill
from app.datasets.library import Library
from app.datasets.metrics import exact_match, rouge_l, token_f1
from app.datasets.questions import Dataset, LabelledQuestion, Story
from app.engine.engine import Engine
from app.engine.records import MemberId, Roster
from app.engine.runner import DirectRunner
from app.evaluation.predictions import Ledger, Prediction
from app.evaluation.story_members import StoryMembers, deciding, fingerprint
from app.evaluation.systems import OpenStory
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.members import Members
from trainer.recipe import Recipe

_LEARNED = ("member", "member_closed", "chorus", "elsewhere")
OnProgress = Callable[[str], None]


class _OneVersion:
    """The members of one story, as version 1 of its book."""

    def __init__(self, book: str, members: Members | None) -> None:
        self._members = members
        count = 0 if members is None else len(members)
        self.ids = tuple(MemberId(book, 1, number) for number in range(count))

    def roster(self, book: str, version: int) -> Roster:
        """All of them."""
        return Roster(self.ids)

    def tensors(self, member: MemberId) -> Members:
        """What one of them has learned."""
        assert self._members is not None
        assert member.member is not None
        return self._members[[member.member]]


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: the systems on a dataset, with an LLM, its skill and a recipe for members."""

    llm: FrozenLLM
    skill: LoadedSkill
    dataset: Dataset
    systems: Sequence[str]
    recipe: Recipe
    cache: Path

    def run(self, on_progress: OnProgress = lambda _: None) -> list[Prediction]:
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
            self._answer_all(missing, ledger, on_progress)
        wanted = {(question.story, question.number) for question in self.dataset.questions}
        return [
            one for one in ledger.all() if (one.story, one.question) in wanted and self._asked(one.system)
        ]

    def _answer_all(
        self,
        missing: Mapping[str, Sequence[tuple[str, LabelledQuestion]]],
        ledger: Ledger,
        on_progress: OnProgress,
    ) -> None:
        members = StoryMembers(self.cache / "versions", self.llm, self.skill, self.recipe)
        library = Library(self.dataset.stories, self.cache / "library")
        try:
            for number, story in enumerate(self.dataset.stories, start=1):
                place = f"story {number} of {len(self.dataset.stories)}, {story.name}"
                if missing[story.name]:
                    self._answer(
                        story, missing[story.name], members, library, ledger, partial(_at, on_progress, place)
                    )
        finally:
            library.close()

    def _answer(
        self,
        story: Story,
        missing: Sequence[tuple[str, LabelledQuestion]],
        members: StoryMembers,
        library: Library,
        ledger: Ledger,
        on_progress: OnProgress,
    ) -> None:
        learned = None
        if any(system in _LEARNED for system, _ in missing):
            learned = members.learned(story, on_progress)
        book = library.book(story.name)
        version = _OneVersion(book, learned)
        engine = Engine(DirectRunner(self.llm), version, skill=self.skill.skill)
        opened = OpenStory(
            engine,
            PerPassage(engine, self.skill, library.embedder),
            self.skill.weighting,
            story,
            book,
            version.ids,
            library.ranking(story),
        )
        for count, (system, question) in enumerate(missing, start=1):
            on_progress(f"answer {count} of {len(missing)}, {system}")
            found = predictions(opened, system, question, library.first(question.text) == story.name)
            # The one that `has` looks for is written last: with it, all are there.
            for prediction in reversed(found):
                ledger.add(prediction)

    def _asked(self, name: str) -> bool:
        return name.split(" ")[0].rstrip(":") in self.systems or ("chorus" in self.systems and name[0] == "(")

    def _key(self) -> str:
        stories = [[story.name, len(story.sections)] for story in self.dataset.stories]
        decides = (self.skill.fitted, deciding(self.recipe), stories)
        return fingerprint(self.llm, self.skill, *decides)


def predictions(
    opened: OpenStory, system: str, question: LabelledQuestion, book_hit: bool | None
) -> list[Prediction]:
    """The measured answers of a system to a question; of several members, their average first."""
    started = time.monotonic()
    answers = opened.answers(system, question)
    seconds = time.monotonic() - started
    ranks = None
    if question.gold and system != "elsewhere":
        order = [passage.ordinal for passage in opened.ranking(question.text)]
        ranks = sorted(order.index(section) + 1 for section in question.gold if section in order)
    measured = [
        Prediction(
            system=name,
            story=question.story,
            question=question.number,
            answer=answer.text,
            nll=answer.nll,
            confidence=answer.confidence,
            seconds=seconds,
            book_hit=book_hit,
            passage_ranks=ranks,
            rouge_l=rouge_l(answer.text, question.answers),
            token_f1=token_f1(answer.text, question.answers),
            exact_match=exact_match(answer.text, question.answers),
        )
        for name, answer in answers.items()
    ]
    members = [one for one in measured if one.system.startswith(f"{system} ") and system.startswith("member")]
    if members:
        fields = ("nll", "rouge_l", "token_f1", "exact_match")
        means = {field: sum(getattr(one, field) for one in members) / len(members) for field in fields}
        measured.insert(0, members[0].model_copy(update={"system": system, **means}))
    return measured


def _at(on_progress: OnProgress, place: str, what: str) -> None:
    on_progress(f"{place}: {what}")
