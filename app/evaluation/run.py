"""An evaluation from data to predictions: resumable, with progress, story after story."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.answering.per_passage import PerPassage
from app.answering.skill import LoadedSkill
from app.asking.asker import LoadedAsker
from app.datasets.library import Library
from app.datasets.metrics import exact_match, rouge_l, token_f1
from app.datasets.questions import Dataset, LabelledQuestion, Story
from app.engine.given_members import GivenMembers
from app.engine.local_engine import LocalEngine
from app.engine.scheduler import Scheduler
from app.evaluation.predictions import Ledger, Prediction
from app.evaluation.story_members import StoryMembers, deciding, fingerprint
from app.evaluation.systems import ELSEWHERE, GOLD, LEARNED, OpenStory
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.members import Members
from trainer.recipe import Recipe

# Questions asked at once of an LLM on a GPU, and positions in one batch, where a service has to be quicker.
AT_ONCE = 32
_BATCH_TOKENS = 131_072
_Asked = tuple[str, LabelledQuestion]
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: the systems on a dataset, with an LLM, its skill and a recipe for members.

    `bare` is the LLM as it is without the skill, which may be the same object. `at_once` questions are asked
    at the same time; more than one pays on a GPU, and changes no answer. What is read of a story is kept up
    to `most_bytes`, besides what the questions under way read, and let go with the story.
    """

    llm: FrozenLLM
    bare: FrozenLLM
    skill: LoadedSkill
    dataset: Dataset
    systems: Sequence[str]
    recipe: Recipe
    cache: Path
    at_once: int = 1
    most_bytes: int = 1 << 30
    asker: LoadedAsker | None = None

    def run(self, on_progress: OnProgress = lambda _: None) -> list[Prediction]:
        """Answer every question by every system; what a run before this one answered is not asked again."""
        self.cache.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(self.cache / f"answers-{self._key()}.jsonl")
        missing = {
            story.name: [
                (system, question)
                for system in self.systems
                for question in self._questions(system, story.name)
                if not ledger.has(system, question.story, question.number)
            ]
            for story in self.dataset.stories
        }
        if any(missing.values()):
            self._answer_all(missing, ledger, on_progress)
        asked = {(one.story, one.number): one for one in self.dataset.questions}
        return [
            one
            for one in ledger.all()
            if (one.story, one.question) in asked
            and self._asked(one.system)
            and _can_ask(one.system, asked[one.story, one.question])
        ]

    def left_out(self) -> dict[str, int]:
        """How many of the questions are not asked, by the systems that cannot be asked all."""
        asked = {
            system: sum(len(self._questions(system, story.name)) for story in self.dataset.stories)
            for system in self.systems
        }
        whole = len(self.dataset.questions)
        return {system: whole - count for system, count in asked.items() if count < whole}

    def _questions(self, system: str, story: str) -> list[LabelledQuestion]:
        """What a system is asked of a story."""
        source = self.dataset.other(story) if system in ELSEWHERE.values() else story
        return [one for one in self.dataset.questions if one.story == source and _can_ask(system, one)]

    def _answer_all(
        self, missing: Mapping[str, Sequence[_Asked]], ledger: Ledger, on_progress: OnProgress
    ) -> None:
        members = StoryMembers(self.cache / "versions", self.llm, self.skill, self.recipe, self.asker)
        with closing(Library(self.dataset.stories, self.cache / "library")) as library:
            for number, story in enumerate(self.dataset.stories, start=1):
                place = f"story {number} of {len(self.dataset.stories)}, {story.name}"
                show = partial(_at, on_progress, place)
                asked = missing[story.name]
                if not asked:
                    continue
                learned = None
                if any(system in LEARNED for system, _ in asked):
                    learned = members.learned(story, show)
                self._answer(story, asked, learned, library, ledger, show)

    def _answer(
        self,
        story: Story,
        asked: Sequence[_Asked],
        learned: Members | None,
        library: Library,
        ledger: Ledger,
        on_progress: OnProgress,
    ) -> None:
        """Ask a story, several questions at once; the answers are written down by this thread, in order."""
        with self._open(story, learned, library) as opened, ExitStack() as stack:
            # Found here, so that the threads only look up.
            found_first = {question.text: library.first(question.text) == story.name for _, question in asked}
            for question in found_first:
                opened.ranking(question)

            def answer(one: _Asked) -> list[Prediction]:
                system, question = one
                first = found_first[question.text]
                return predictions(opened, system, question, first, timed=self.at_once == 1)

            pool = ThreadPoolExecutor(self.at_once)
            stack.callback(pool.shutdown, cancel_futures=True)
            on_progress(f"0 of {len(asked)} answered")
            for count, found in enumerate(pool.map(answer, asked), start=1):
                # The one that `has` looks for is written last: with it, all are there.
                for prediction in reversed(found):
                    ledger.add(prediction)
                on_progress(f"{count} of {len(asked)} answered, {found[0].system}")

    @contextmanager
    def _open(self, story: Story, learned: Members | None, library: Library) -> Iterator[OpenStory]:
        """A story that can be asked by many threads. What was read of it goes when it is closed."""
        book = library.book(story.name)
        members = GivenMembers(learned)
        with ExitStack() as stack:
            runner = stack.enter_context(closing(Scheduler(self.llm, batch_tokens=_BATCH_TOKENS)))
            bare = runner
            if self.bare is not self.llm:
                bare = stack.enter_context(closing(Scheduler(self.bare, batch_tokens=_BATCH_TOKENS)))
            engine = LocalEngine(runner, members, skill=self.skill.skill, most_bytes=self.most_bytes)
            yield OpenStory(
                LocalEngine(bare),
                engine,
                PerPassage(engine, self.skill, library.embedder),
                self.skill.weighting,
                story,
                book,
                members.roster(book, 1).members,
                library.ranking(story),
            )

    def _asked(self, name: str) -> bool:
        return name.split(" ")[0].rstrip(":") in self.systems or ("chorus" in self.systems and name[0] == "(")

    def _key(self) -> str:
        stories = [[story.name, len(story.sections)] for story in self.dataset.stories]
        decides = [self.skill.fitted, deciding(self.recipe), stories]
        if self.llm.adaptation.is_beside:
            decides.append("beside")  # answers differ from those of the folded skill by rounding
        return fingerprint(self.llm, self.skill, *decides)


def predictions(
    opened: OpenStory, system: str, question: LabelledQuestion, book_hit: bool | None, *, timed: bool
) -> list[Prediction]:
    """The measured answers of a system to a question; of several members, their average first.

    `timed` says whether the question is asked alone, so that the seconds are its own.
    """
    started = time.monotonic()
    answers = opened.answers(system, question)
    seconds = time.monotonic() - started
    ranks = None
    if question.gold and system not in ELSEWHERE.values():
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
            seconds=seconds if timed else None,
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


def _can_ask(system: str, question: LabelledQuestion) -> bool:
    """Whether a system can be asked a question: without known sections, gold would answer from nothing."""
    return system not in GOLD or bool(question.gold)


def _at(on_progress: OnProgress, place: str, what: str) -> None:
    on_progress(f"{place}: {what}")
