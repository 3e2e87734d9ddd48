"""Whether more seats for better passages, or members as judges, choose better answers.

    .venv/bin/python -m tests.benchmarks.seats_and_judges --data PATH/fairytaleqa/val --cache FOLDER
        [--stories 12] [--questions 25] [--recipe JSON]

Every member of a story and the LLM with its skill alone read each of the eight best passages, so that any
seating can be put together from what they say. And every answer is weighed without any passage: how much
likelier is it to the members, who have learned the story, than to the skill alone? Members are those of
`bookchorus eval --cache FOLDER` with the same recipe, or are learned now. What was heard is kept there too,
a line for each question, and is not asked again.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from app.answering.election import elect
from app.answering.per_passage import ANSWER_TOKENS
from app.answering.reader_assignment import assigned
from app.answering.skill import active_skill
from app.answering.types import Passage, PassageAnswer
from app.answering.weighting import Weighting
from app.asking.asker import load_asker
from app.datasets.loading import load_dataset
from app.datasets.metrics import rouge_l
from app.datasets.questions import LabelledQuestion, sampled
from app.engine.local_engine import LocalEngine
from app.engine.records import DecodeRequest, MemberId, Reading
from app.evaluation.command import RECIPE
from app.evaluation.story_members import StoryMembers, fingerprint
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import load
from tests.benchmarks.readers.heard import HeardLines, Line, hear_stories, show
from trainer.recipe import Recipe

# Seats of each place in the ranking, the best passage first.
FALLING = (4, 3, 3, 2, 2, 1, 1, 1)
# What the logarithm of a weight gains by each nat per token that an answer is likelier to the members.
GAINS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 4.0)
PARTS = 6
# Pairs of a reader and a place in the ranking.
Seating = Callable[[Line], list[tuple[int, int]]]


def hear(
    engine: LocalEngine, readers: Sequence[MemberId], asked: LabelledQuestion, found: Sequence[Passage]
) -> Line:
    """What each reader says of each passage, and how likely each answer is to each without a passage.

    Of the readers, number 0 is the skill alone, and the members follow.
    """
    requests = [
        DecodeRequest(Reading(reader, (passage.text,), asked.text), ANSWER_TOKENS)
        for reader in readers
        for passage in found
    ]
    replies = [reply for _, reply in sorted(engine.answer(requests), key=lambda each: each[0])]
    texts = sorted({reply.text for reply in replies})
    judged = engine.judge([Reading(reader, (), asked.text) for reader in readers], texts)
    said = [(reply.text, reply.answerable, reply.log_likelihood) for reply in replies]
    count = len(found)
    return {
        "story": asked.story,
        "number": asked.number,
        "scores": [max(0.0, passage.score) for passage in found],
        "ordinals": [passage.ordinal for passage in found],
        "said": [said[start : start + count] for start in range(0, len(said), count)],
        "closed": {text: [-one.losses[place].mean for one in judged] for place, text in enumerate(texts)},
        "rouge_l": {text: rouge_l(text, asked.answers) for text in texts},
    }


def gathered(args: argparse.Namespace, recipe: Recipe) -> tuple[list[Line], Weighting]:
    """A line for each question, and the skill's weighting."""
    dataset = sampled(load_dataset(args.data, args.stories), args.questions)
    settings = load({})
    llm = load_llm(settings)
    database = open_database(settings)
    skill = active_skill(database, llm, fold=True)
    database.close()
    learned = StoryMembers(args.cache / "versions", llm, skill, recipe, load_asker(settings.asker, llm))
    heard = HeardLines(args.cache / f"heard-{fingerprint(llm, skill, recipe.model_dump())}.jsonl", dataset)
    hear_stories(heard, dataset, args.cache / "library", llm, skill, learned, hear)
    return heard.all(), skill.weighting


def seatings() -> Iterator[tuple[str, Seating]]:
    """Who reads what, by name."""

    def alone(line: Line) -> list[tuple[int, int]]:
        return [(0, place) for place in range(len(line["ordinals"]))]

    def chorus(line: Line) -> list[tuple[int, int]]:
        pairs = assigned(len(line["said"]) - 1, line["ordinals"])
        return [(member + 1, place) for member, place in pairs]

    def everybody(line: Line) -> list[tuple[int, int]]:
        places = range(len(line["ordinals"]))
        return [(number, place) for number in range(1, len(line["said"])) for place in places]

    def falling(line: Line) -> list[tuple[int, int]]:
        members = len(line["said"]) - 1
        return [
            ((ordinal + seat) % members + 1, place)
            for place, ordinal in enumerate(line["ordinals"])
            for seat in range(min(FALLING[place], members))
        ]

    yield "the skill alone reads all (skill_apart)", alone
    yield "a member reads each (chorus)", chorus
    yield f"more seats for better passages {FALLING}", falling
    yield "every member reads all", everybody
    yield "chorus and skill alone", lambda line: chorus(line) + alone(line)
    yield "more seats, and skill alone", lambda line: falling(line) + alone(line)


def score(line: Line, weighting: Weighting, seating: Seating, gain: float) -> float:
    """ROUGE-L of the elected answer. The seats of a passage share its weight."""
    seats = seating(line)
    answers, gained = [], []
    for reader, place in seats:
        text, answerable, log_likelihood = line["said"][reader][place]
        answers.append(PassageAnswer(text, answerable, log_likelihood, line["scores"][place]))
        skill, *members = line["closed"][text]
        gained.append(float(np.mean(members)) - skill)
    beside = np.bincount([place for _, place in seats])
    weights = [
        weight * float(np.exp(gain * more)) / int(beside[place])
        for weight, more, (_, place) in zip(weighting.weights(answers), gained, seats, strict=True)
    ]
    best, _ = elect(answers, weights, max(line["scores"], default=0.0))
    return float(line["rouge_l"][answers[best].text])


def judged(lines: Sequence[Line], weighting: Weighting, seating: Seating) -> tuple[list[float], list[float]]:
    """The scores where members judge, each gain chosen on the stories of other parts; and the gains."""
    names = sorted({line["story"] for line in lines})
    parts = np.array([names.index(line["story"]) % PARTS for line in lines])
    table = np.array([[score(line, weighting, seating, gain) for gain in GAINS] for line in lines])
    chosen = [int(table[parts != part].mean(0).argmax()) for part in range(PARTS)]
    scores = [float(row[chosen[part]]) for row, part in zip(table, parts, strict=True)]
    return scores, [GAINS[each] for each in chosen]


def main() -> None:
    """Print ROUGE-L of each way and its difference from the skill alone, with 95% intervals over stories."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--stories", type=int, default=12)
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--recipe", type=json.loads, default={})
    args = parser.parse_args()
    lines, weighting = gathered(args, Recipe(**{**RECIPE, **args.recipe}))
    stories = [line["story"] for line in lines]
    print(f"{len(lines)} questions of {len(set(stories))} stories")
    base: list[float] = []
    for name, seating in seatings():
        values = [score(line, weighting, seating, 0.0) for line in lines]
        base = base or values
        show(name, values, base, stories)
        values, gains = judged(lines, weighting, seating)
        show(f"  judged by members, gains {gains}", values, base, stories)


if __name__ == "__main__":
    main()
