"""Continual learning of one text: from scratch, on from that version, and appended to it, at one budget each.

    .venv/bin/python -m tests.benchmarks.continual [--data story.txt] [--objective lm] [--epochs 2]

The embedded LLM behind its skill. All are evaluated on what the first holds out; the questions of
self-study are written once.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from app.answering.skill import LoadedSkill, shipped_skill
from app.parsing.text.headings import chapters
from app.settings import Settings
from store.segmentation import passages
from tests.learned import losses
from trainer.book_training import Prepared, resolved, train_book
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.methods.members import Members
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Learned, Stepped
from trainer.recipe import Recipe

SAMPLE = Path(__file__).parents[2] / "app" / "sample" / "the_tidewright.md"


class Book:
    """A text, its passages, and what self-study has written about it."""

    def __init__(self, llm: FrozenLLM, skill: LoadedSkill, file: Path) -> None:
        self._llm = llm
        self._skill = skill
        self._text = file.read_text(encoding="utf-8")
        cut = chapters(self._text, "md" if file.suffix == ".md" else "txt")
        spans = passages(self._text, cut, llm.count_tokens)
        self._passages = [self._text[span.start : span.end] for span in spans]
        self._items: Sequence[StudyQuestion] | None = None

    def learned(self, recipe: Recipe, parent: Members | None = None) -> Learned:
        """Members that start where the recipe says, go on from `parent`, or are appended to it."""
        recipe = resolved(recipe, self._skill.skill)
        for happened in train_book(
            self._llm,
            self._text,
            recipe,
            self._skill.skill,
            passages=self._passages,
            items=self._items,
            parent=parent,
        ):
            if isinstance(happened, Prepared):
                self._items = happened.items
            elif isinstance(happened, Stepped):
                print(f"step {happened.step} of {happened.steps}, loss {happened.loss:.3f}", flush=True)
            elif isinstance(happened, Learned):
                learned = happened
        return learned


def row(name: str, learned: Learned) -> dict[str, str | int | float | None]:
    """What there is to say of a version: mean held-out losses of its members, and what they cost."""
    members = len(learned.members)
    return {
        "version": name,
        "virtual_tokens": learned.members.virtual_tokens,
        "steps": len(learned.curve),
        "bare": learned.before.bare_loss,
        "before": sum(losses(learned.before)) / members,
        "after": sum(losses(learned.after)) / members,
        "seconds": learned.seconds,
    }


def main() -> None:
    """Learn the three and print a table of them, and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SAMPLE, help="a text or Markdown file")
    parser.add_argument("--objective", default="self_study", choices=["lm", "self_study", "both"])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--appended", type=int, default=20, help="virtual tokens of the third version")
    asked = parser.parse_args()
    llm = load(cache_dir=Settings().cache_dir)
    skill = shipped_skill(llm.identity.id)
    assert skill is not None
    skill.skill.equip(llm)
    book = Book(llm, skill, asked.data)
    recipe = Recipe(objective=asked.objective, members=asked.members, epochs=asked.epochs, heldout=0.2)
    first = book.learned(recipe)
    further = book.learned(recipe, first.members)
    longer = recipe.model_copy(update={"append": True, "virtual_tokens": asked.appended})
    appended = book.learned(longer, first.members)
    rows = [
        row("1, from scratch", first),
        row("2, on from 1", further),
        row("3, appended to 1", appended),
    ]
    for each in rows:
        print(
            f"| {each['version']} | {each['virtual_tokens']} | {each['steps']} | {each['before']:.2f} "
            f"| {each['after']:.2f} | {each['seconds']:.0f} |"
        )
    print(json.dumps({"dtype": llm.identity.dtype, "data": asked.data.name, "versions": rows}))


if __name__ == "__main__":
    main()
