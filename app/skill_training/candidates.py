"""Answers to judge: what readers answer to questions about stories that they have not learned from.

A skill that learns to judge its own answers must see answers as it will give them, right and wrong ones. A
reader says hardly anything wrong about what it has learned, so two are learned, each on half of the stories,
and each answers the questions of the other half (cross-fitting, as in stacking: Wolpert 1992).
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path

from rich.console import Console

from app.answering.per_passage import ANSWER_TOKENS
from app.datasets.library import Library
from app.datasets.metrics import rouge_l
from app.datasets.questions import Dataset
from app.engine.engine import Engine
from app.engine.local_engine import LocalEngine
from app.engine.records import DecodeRequest, MemberId, Reading
from app.engine.runner import DirectRunner
from app.skill_training.examples import digest
from app.skill_training.resumable_run import ResumableRun
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.skill.examples import Example, Judged
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import Skill, skill_to_train
from trainer.skill.training import train_skill

# Passages of its story that a question is asked of.
_PASSAGES = 5


def crossed_candidates(
    console: Console,
    llm: FrozenLLM,
    learning: Dataset,
    examples: Mapping[str, Sequence[Example]],
    library: Library,
    recipe: SkillRecipe,
    out: Path,
    passes: Microbatches,
) -> dict[str, list[Judged]]:
    """The answers of two readers, by the text they were read from; both are kept in `out`.

    Each reader learns the `examples` of its stories, by their names, in half as many steps as the skill will.
    The LLM is not equipped with anything afterwards.
    Raises CommandError where those in `out` belong to another recipe or other data.
    """
    names = [story.name for story in learning.stories]
    random.Random(recipe.seed).shuffle(names)
    halves = [learning.of(names[::2]), learning.of(names[1::2])]
    found: dict[str, list[Judged]] = {}
    if not all(half.questions for half in halves):
        return found
    for number, half in enumerate(halves):
        kept = out / f"candidates-{number}.json"
        mine = recipe.model_copy(update={"steps": max(1, recipe.steps // 2), "judge": False})
        run = ResumableRun(
            console,
            out / f"half-{number}.safetensors",
            f"half {number + 1} of 2",
            mine.model_dump(),
            digest(learning),
        )
        if kept.exists():
            run.check()
        else:
            rows = [one for story in half.stories for one in examples[story.name]]
            reader = skill_to_train(llm, mine.method, mine.rank, mine.seed + number)
            tensors, _ = run.follow(
                partial(train_skill, llm, rows, [], mine, start=reader, microbatches=passes)
            )
            answered = _answers(console, llm, reader.with_tensors(tensors), halves[1 - number], library)
            kept.write_text(json.dumps(answered, ensure_ascii=False), encoding="utf-8")
        for text, answers in json.loads(kept.read_text(encoding="utf-8")).items():
            found.setdefault(text, []).extend(Judged(*answer) for answer in answers)
    llm.adaptation.remove()
    return found


def _answers(
    console: Console, llm: FrozenLLM, reader: Skill, others: Dataset, library: Library
) -> dict[str, list[tuple[object, ...]]]:
    """What a reader answers to the questions of `others`, by the text it was read from."""
    reader.equip(llm, fold=False)
    engine = LocalEngine(DirectRunner(llm), skill=reader)
    found: dict[str, list[tuple[object, ...]]] = {}
    with console.status("answers for the judge") as status:
        for story in others.stories:
            ranking = library.ranking(story)
            for question in (one for one in others.questions if one.story == story.name and one.answers):
                texts = [passage.text for passage in ranking(question.text)[:_PASSAGES]]
                for text, answer in zip(texts, _read(engine, story.name, texts, question.text), strict=True):
                    quality = rouge_l(answer, question.answers)
                    found.setdefault(text, []).append(astuple(Judged(question.text, answer, quality)))
            status.update(f"answers for the judge: {story.name}")
    return found


def _read(engine: Engine, book: str, texts: Sequence[str], question: str) -> list[str]:
    requests = [DecodeRequest(Reading(MemberId(book), (text,), question), ANSWER_TOKENS) for text in texts]
    replies = dict(engine.answer(requests))
    return [replies[number].text for number in range(len(texts))]
