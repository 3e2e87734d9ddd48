"""Questions about books: by the asker that comes with the package, and by the hand-written instruction.

    .venv/bin/python -m tests.benchmarks.asker --data PATH [--stories 3] [--passages 4]

PATH is a split of FairytaleQA that the asker has not learned from, such as val. Both ask about the same
passages of the same LLM behind the same skill, one after the other in one run. A question hits where the
search finds a passage that it was asked about first, or among the first five, of its story. `cpu` are
seconds of the processor: on a machine that does other work, too, they say more than those of the clock;
`pause` is the longest piece of work between two pauses in them, for which an ask waits.
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from app.answering.skill import shipped_skill
from app.asking.asker import shipped_asker
from app.datasets.library import Library
from app.datasets.loading import load_dataset
from trainer.llm.availability import EMBEDDED
from trainer.llm.loading import load
from trainer.question_writing import Written, write_questions
from trainer.recipe import Recipe
from trainer.skill.skill import Skill


def measure(data: Path, stories: int, recipe: Recipe, shown: int) -> Mapping[str, Mapping[str, float]]:
    """Figures per writer: passages, questions asked for and kept, hits, seconds."""
    dataset = load_dataset(data, stories)
    llm = load(EMBEDDED)
    reader, asker = shipped_skill(EMBEDDED), shipped_asker(EMBEDDED)
    assert reader is not None
    assert asker is not None
    reader.skill.equip(llm)
    writers: dict[str, Skill | None] = {"instruction": None, "asker": asker.skill}
    counted = ("passages", "asked", "kept", "first", "among five", "seconds", "cpu", "pause")
    figures: dict[str, dict[str, float]] = {name: dict.fromkeys(counted, 0) for name in writers}
    with TemporaryDirectory() as folder:
        library = Library(dataset.stories, Path(folder))
        for story in dataset.stories:
            ranking = library.ranking(story)
            passages = min(recipe.passages, len(story.sections))
            for name, writer in writers.items():
                found = figures[name]
                begun = time.perf_counter()
                computed = last = time.process_time()
                for happened in write_questions(llm, story.sections, recipe, reader.skill, writer):
                    now = time.process_time()
                    found["pause"], last = max(found["pause"], now - last), now
                    if isinstance(happened, Written):
                        questions = happened.questions
                found["seconds"] += time.perf_counter() - begun
                found["cpu"] += time.process_time() - computed
                found["passages"] += passages
                found["asked"] += passages * (
                    recipe.kinds if writer is None else recipe.questions + recipe.pairs
                )
                found["kept"] += len(questions)
                for one in questions:
                    ranks = [passage.ordinal for passage in ranking(one.question)]
                    found["first"] += one.passage == ranks[0]
                    found["among five"] += one.passage in ranks[:5]
                for one in questions[:shown]:
                    print(f"{name}: {json.dumps(asdict(one), ensure_ascii=False)}", flush=True)
            print(story.name, json.dumps(figures), flush=True)
        library.close()
    return figures


def main() -> None:
    """Print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stories", type=int, default=3)
    parser.add_argument("--passages", type=int, default=4)
    parser.add_argument("--show", type=int, default=0, help="questions of each story to print")
    parser.add_argument("--recipe", type=json.loads, default={}, help="other fields of the recipe, as JSON")
    asked = parser.parse_args()
    recipe = Recipe(**{"passages": asked.passages, **asked.recipe})
    figures = measure(asked.data, asked.stories, recipe, asked.show)
    print("a passage, of those kept: asked, kept, found first, among five, seconds, seconds of the CPU")
    for name, one in figures.items():
        each, kept = one["passages"], max(1, one["kept"])
        print(
            f"{name:14}{one['asked'] / each:8.1f}{one['kept'] / each:8.1f}{one['first'] / kept:8.2f}"
            f"{one['among five'] / kept:8.2f}{one['seconds'] / each:8.1f}{one['cpu'] / each:8.1f}"
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
