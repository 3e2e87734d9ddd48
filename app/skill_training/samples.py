"""What readers say to questions about stories that the skill did not learn from: what is fitted on."""

from collections.abc import Callable
from dataclasses import dataclass

from app.answering.context_cache import Readings
from app.answering.readers import READERS, Said, ask, listen, unlearned
from app.datasets.library import Library
from app.datasets.metrics import rouge_l
from app.datasets.questions import Dataset
from app.evaluation.sections import apart
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.skill import Skill


@dataclass(frozen=True)
class Hearing:
    """What the readers of a story said to one question, how good each answer is (0 to 1), and whether the
    question is about that story or about another.
    """

    said: list[Said]
    quality: list[float]
    own: bool


def hear(
    llm: FrozenLLM,
    skill: Skill,
    dataset: Dataset,
    library: Library,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Hearing]:
    """Ask every question of eight readers of its story and, where there are several, of another story.

    Readers are unlearned members where the skill prompt has some to start from.
    """
    heard: list[Hearing] = []
    closed = skill.context(llm)
    for story in dataset.stories:
        readings = Readings(llm, closed)
        ranking = library.ranking(story.name)
        asked = (story.name, dataset.other(story.name))
        for question in (one for one in dataset.questions if one.story in asked):
            found = ranking(question.text)[:READERS]
            readers = apart(readings, unlearned(story.name, skill), story, found)[: len(found)]
            said = listen(llm, ask(llm, readers, question.text), question.text)
            quality = [rouge_l(one.text, question.answers) for one in said]
            heard.append(Hearing(said, quality, question.story == story.name))
            tell(f"asks the readers of {story.name}: {len(heard)} answers heard")
    return heard
