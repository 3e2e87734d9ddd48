"""Whether softer or other powers of the weighting, or the other readers' opinion, elect better answers.

    .venv/bin/python -m tests.benchmarks.weightings --data PATH/fairytaleqa/val --cache FOLDER
        [--stories 23] [--questions 15] [--across]

The LLM with its skill alone reads each of the eight best passages. Its answers are kept in the cache, a line
for each question, and are not read again; stories that the skill has learned from are left out. With
`--across` each candidate is also judged by every other reader, which takes three times as long. Prints
ROUGE-L of the answer that each way elects, and its difference from the powers in force, with 95% intervals
over stories.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from app.answering.election import elect
from app.answering.per_passage import ANSWER_TOKENS
from app.answering.reader_assignment import READERS
from app.answering.skill import active_skill
from app.answering.types import Passage, PassageAnswer
from app.answering.weighting import Weighting
from app.datasets.library import Library
from app.datasets.loading import load_dataset
from app.datasets.metrics import rouge_l
from app.datasets.questions import LabelledQuestion, sampled
from app.engine.local_engine import LocalEngine
from app.engine.records import DecodeRequest, MemberId, Reading
from app.engine.scheduler import Scheduler
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import load
from tests.benchmarks.readers.heard import HeardLines, Line, show

# Powers of answerable, retrieval and likelihood.
POWERS = ((1, 1, 1), (1, 0.5, 1), (1, 0.25, 1), (1, 0, 1), (1, 0, 0.5), (2, 0, 1), (1, 0, 2), (1, 0, 0))
FACTORS = (0.25, 0.35, 0.5, 0.7, 1.5, 2.0)
Way = Callable[[Line], float]


def hear(
    engine: LocalEngine, book: str, asked: LabelledQuestion, found: Sequence[Passage], across: bool
) -> Line:
    """What the LLM says of each passage; and, `across`, how likely each text is to it behind each passage."""
    readings = [Reading(MemberId(book), (passage.text,), asked.text) for passage in found]
    requests = [DecodeRequest(reading, ANSWER_TOKENS) for reading in readings]
    replies = [reply for _, reply in sorted(engine.answer(requests), key=lambda each: each[0])]
    texts = sorted({reply.text for reply in replies})
    judged = engine.judge(readings, texts) if across else []
    return {
        "story": asked.story,
        "number": asked.number,
        "scores": [max(0.0, passage.score) for passage in found],
        "said": [(reply.text, reply.answerable, reply.log_likelihood) for reply in replies],
        "rouge_l": {text: rouge_l(text, asked.answers) for text in texts},
        "across": {text: [-one.losses[place].mean for one in judged] for place, text in enumerate(texts)},
    }


def gathered(args: argparse.Namespace) -> tuple[list[Line], Weighting]:
    """A line for each question, those of an earlier run from the file, and the weighting in force."""
    settings = load({})
    llm = load_llm(settings)
    database = open_database(settings)
    skill = active_skill(database, llm, fold=True)
    database.close()
    dataset = load_dataset(args.data, None)
    new = [story.name for story in dataset.stories if story.digest not in skill.learned_from]
    dataset = sampled(dataset.of(new[: args.stories]), args.questions)
    kept = args.cache / f"alone-{skill.digest[:16]}{'-across' if args.across else ''}.jsonl"
    heard = HeardLines(kept, dataset)
    with closing(Library(dataset.stories, args.cache / "library")) as library:
        for story in dataset.stories:
            ranking, book = library.ranking(story), library.book(story.name)
            with closing(Scheduler(llm)) as runner:
                engine = LocalEngine(runner, skill=skill.skill)
                for one in heard.missing(story.name):
                    heard.add(hear(engine, book, one, ranking(one.text)[:READERS], args.across))
            print(f"{story.name}: {len(heard.all())} questions in all", flush=True)
    return heard.all(), skill.weighting


def candidates(line: Line) -> list[PassageAnswer]:
    """What was heard, as the weighting takes it."""
    return [
        PassageAnswer(text, answerable, log_likelihood, score)
        for (text, answerable, log_likelihood), score in zip(line["said"], line["scores"], strict=True)
    ]


def ways(weighting: Weighting, across: bool) -> Iterator[tuple[str, Way]]:
    """How an answer is elected, by name, and the ROUGE-L of what is."""

    def weighed(powers: Sequence[float]) -> Way:
        names = ("answerable", "retrieval", "log_likelihood")
        chosen = Weighting(**dict(zip(names, powers, strict=True)))

        def score(line: Line) -> float:
            heard = candidates(line)
            best, _ = elect(heard, chosen.weights(heard), max(line["scores"], default=0.0))
            return float(line["rouge_l"][heard[best].text])

        return score

    def likeliest(line: Line) -> float:
        """The text with the most probability per token on average over the readers, by their trust."""
        trust = np.array(weighting.trust(candidates(line)))
        worth = {text: float(trust @ np.exp(means)) for text, means in line["across"].items()}
        return float(line["rouge_l"][max(worth, key=worth.__getitem__)])

    force = (weighting.answerable, weighting.retrieval, weighting.log_likelihood)
    yield "the powers in force", weighed(force)
    for factor in FACTORS:
        yield f"all of them x {factor:g}", weighed([power * factor for power in force])
    for powers in POWERS:
        yield f"powers {powers}", weighed(powers)
    if across:
        yield "the likeliest to all readers", likeliest
    yield "the best of the eight, if one knew it", lambda line: max(line["rouge_l"].values())


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--stories", type=int, default=23)
    parser.add_argument("--questions", type=int, default=15)
    parser.add_argument("--across", action="store_true")
    args = parser.parse_args()
    lines, weighting = gathered(args)
    stories = [line["story"] for line in lines]
    print(f"{len(lines)} questions of {len(set(stories))} stories")
    base: list[float] = []
    for name, way in ways(weighting, args.across):
        values = [way(line) for line in lines]
        base = base or values
        show(name, values, base, stories)


if __name__ == "__main__":
    main()
