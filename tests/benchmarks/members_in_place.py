"""Whether a skill that was trained with members of other books in place reads better with a book's members.

    .venv/bin/python -m tests.benchmarks.members_in_place learn --train PATH/fairytaleqa/train --cache FOLDER
    ... skill --arm members|none --train PATH/fairytaleqa/train --cache FOLDER
    ... hear --arm members|none --data PATH/fairytaleqa/val --cache FOLDER
    ... tell --data PATH/fairytaleqa/val --cache FOLDER

Deep context distillation (2503.08727) trains the skill on with members in place. `learn`: a member for each
of some train stories, from the story's text alone. `skill`: the skill that comes with the package is trained
on, on those stories' questions, behind their members in three rows of four; the other arm, on the same rows,
without any. `hear`: members of val stories are learned behind the arm's skill; each, and that skill alone,
reads the eight best passages of each question. `tell`: the table. Each goes on where it was stopped.
"""

import argparse
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from app.answering.skill import LoadedSkill, shipped_llms, shipped_skill
from app.answering.types import Passage
from app.datasets.library import Library
from app.datasets.loading import load_dataset
from app.datasets.questions import Dataset, LabelledQuestion, sampled
from app.engine.local_engine import LocalEngine
from app.engine.records import MemberId, Reading
from app.evaluation.story_members import StoryMembers
from app.resources.llm import load_llm
from app.settings import load
from app.skill_training.examples import digest, examples, split
from app.skill_training.resumable_run import ResumableRun
from tests.benchmarks.readers.heard import HeardLines, Line, hear_stories
from tests.benchmarks.readers.in_place_table import print_table
from tests.benchmarks.readers.skill_in_place import train_in_place
from tests.benchmarks.seats_and_judges import hear
from trainer.llm.frozen_llm import FrozenLLM
from trainer.recipe import Recipe
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import skill_from_bytes

# What a story's member learns by, of train and of val stories alike.
MEMBER = Recipe(
    method="lora",
    placement="behind",
    members=1,
    kinds=3,
    passages=12,
    epochs=1000,
    budget_tokens=8_000,
    closed=0.4,
    distractors=0.2,
    distillation=0.5,
    learning_rate=1.5e-3,
)
# How the skill goes on: a fifth of the rate that it was first learned with, falling from the start.
STEPS, RATE, WARMUP, ROWS = 48, 1.6e-4, 4, 8
SEED = 17
ARMS = ("none", "members")


def chosen_stories(data: Path, count: int) -> Dataset:
    """Train stories that the skill's training did not hold back."""
    learning = split(load_dataset(data)).learning
    names = sorted(story.name for story in learning.stories)
    return learning.of(random.Random(SEED).sample(names, min(count, len(names))))


def given_skill(llm: FrozenLLM) -> LoadedSkill:
    """The skill that comes with the package."""
    found = shipped_skill(llm.identity.id)
    assert found is not None, f"no skill comes with the package for {llm.identity.id}"
    return found


def arm_skill(llm: FrozenLLM, cache: Path, arm: str) -> LoadedSkill:
    """The skill of an arm, with the weighting that was fitted for the one it goes on from."""
    artifact = (cache / f"skill-{arm}.safetensors").read_bytes()
    return replace(given_skill(llm), skill=skill_from_bytes(artifact), artifact=artifact)


def learn(args: argparse.Namespace) -> None:
    """Learn the members of the train stories; every `--parts`th one, from `--part` on."""
    llm = load_llm(load({}))
    skill = given_skill(llm)
    skill.skill.equip(llm)
    kept = StoryMembers(args.cache / "versions", llm, skill, MEMBER)
    stories = chosen_stories(args.train, args.learned).stories[args.part :: args.parts]
    for number, story in enumerate(stories, 1):
        kept.learned(story)
        print(f"{number} of {len(stories)}: {story.name}", flush=True)


def train_on(args: argparse.Namespace) -> None:
    """Train the skill on, and write its file."""
    llm = load_llm(load({}))
    given = given_skill(llm)
    dataset = chosen_stories(args.train, args.learned)
    kept = StoryMembers(args.cache / "versions", llm, given, MEMBER)
    # On the CPU until they are read behind.
    members = {story.name: kept.learned(story) for story in dataset.stories}
    with closing(Library(dataset.stories, args.cache / f"train-library-{args.arm}")) as library:
        rows = [(name, one) for name, found in examples(dataset, library).items() for one in found]
    recipe = SkillRecipe(
        method="lora", steps=STEPS, learning_rate=RATE, warmup=WARMUP, decay_from=0, rows=ROWS, seed=SEED
    )
    in_place = members if args.arm == "members" else {}
    run = ResumableRun(
        Console(),
        args.cache / f"state-{args.arm}.safetensors",
        f"the skill ({args.arm})",
        recipe.model_dump() | {"arm": args.arm, "stories": args.learned},
        digest(dataset),
    )
    tensors, _ = run.follow(lambda state: train_in_place(llm, given.skill, rows, in_place, recipe, state))
    learned = given.skill.with_tensors(tensors).to_bytes({"bookchorus skill": llm.identity.id})
    (args.cache / f"skill-{args.arm}.safetensors").write_bytes(learned)


def listen(args: argparse.Namespace) -> None:
    """Learn members of the val stories behind the arm's skill, and hear what all readers say."""
    llm = load_llm(load({}))
    skill = arm_skill(llm, args.cache, args.arm)
    skill.skill.equip(llm)
    learned = StoryMembers(args.cache / "versions", llm, skill, MEMBER)
    dataset = asked(args)
    heard = HeardLines(args.cache / f"heard-{args.arm}.jsonl", dataset)
    hear_stories(
        heard,
        dataset,
        args.cache / f"library-{args.arm}",
        llm,
        skill,
        learned,
        lambda *given: hear(*given) | expected(*given),
    )


def expected(
    engine: LocalEngine, readers: Sequence[MemberId], asked: LabelledQuestion, found: Sequence[Passage]
) -> Line:
    """The loss of the expert's answer to each reader behind each passage, and behind none; its tokens."""
    texts = [(passage.text,) for passage in found] + [()]
    readings = [Reading(reader, text, asked.text) for reader in readers for text in texts]
    losses = [one.losses[0] for one in engine.judge(readings, asked.answers[:1])]
    rows = [losses[start : start + len(texts)] for start in range(0, len(losses), len(texts))]
    return {
        "losses": [[one.loss for one in row[:-1]] for row in rows],
        "closed_losses": [row[-1].loss for row in rows],
        "tokens": losses[0].tokens,
        "gold": asked.gold,
    }


def asked(args: argparse.Namespace) -> Dataset:
    """The stories and questions of the evaluation."""
    return sampled(load_dataset(args.data, args.stories), args.questions)


def tell(args: argparse.Namespace) -> None:
    """Print the table of what was heard by both arms."""
    dataset = asked(args)
    lines = {arm: HeardLines(args.cache / f"heard-{arm}.jsonl", dataset).all() for arm in ARMS}
    known = shipped_skill(next(iter(shipped_llms())))
    assert known is not None
    print_table(lines, known.weighting)


def main() -> None:
    """Do the part that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = parser.add_subparsers(required=True)
    for name, does in (("learn", learn), ("skill", train_on)):
        one = parts.add_parser(name)
        one.set_defaults(does=does)
        one.add_argument("--train", type=Path, required=True)
        one.add_argument("--cache", type=Path, required=True)
        one.add_argument("--learned", type=int, default=40, help="train stories")
        if name == "learn":
            one.add_argument("--part", type=int, default=0)
            one.add_argument("--parts", type=int, default=1)
        else:
            one.add_argument("--arm", choices=ARMS, required=True)
    for name, does in (("hear", listen), ("tell", tell)):
        one = parts.add_parser(name)
        one.set_defaults(does=does)
        one.add_argument("--data", type=Path, required=True)
        one.add_argument("--cache", type=Path, required=True)
        one.add_argument("--stories", type=int, default=14)
        one.add_argument("--questions", type=int, default=25)
        if name == "hear":
            one.add_argument("--arm", choices=ARMS, required=True)
    args = parser.parse_args()
    args.does(args)


if __name__ == "__main__":
    main()
