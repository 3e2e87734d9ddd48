"""Members learned for an evaluation: kept by recipe, so that a second run costs only the answers."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.answering.skill import LoadedSkill
from app.asking.asker import LoadedAsker
from app.datasets.questions import Story
from trainer.book_training import Prepared, resolved, train_book
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.dispatch import member_from_bytes
from trainer.methods.members import Members, join_members
from trainer.objectives.asker import AGREEMENT
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Evaluated, Learned, Stepped
from trainer.recipe import Recipe


class StoryMembers:
    """Members by story, kept in a folder. All that decides them is in the names of its folders."""

    def __init__(
        self,
        folder: Path,
        llm: FrozenLLM,
        skill: LoadedSkill,
        recipe: Recipe,
        asker: LoadedAsker | None = None,
    ) -> None:
        self._asker = asker
        self._folder = folder
        self._llm = llm
        self._skill = skill
        self._recipe = resolved(recipe, skill.skill)

    def learned(self, story: Story, on_progress: Callable[[str], None] = lambda _: None) -> Members:
        """The members of a story; they learn its text now unless they are kept already.

        The questions that people wrote about the story are no part of what they learn from: this function
        gets a `Story`, which has none.
        """
        folder = self._folder / self._key(story)
        record = folder / "version.json"
        if record.exists():
            names = sorted(folder.glob("member-*.safetensors"))
            method, placement = self._recipe.method, self._recipe.placement
            return join_members(
                [member_from_bytes(method, name.read_bytes(), self._llm, placement) for name in names]
            )
        on_progress("writes questions")
        items: Sequence[StudyQuestion] = []
        evaluated: dict[str, list[float | None]] = {}
        learned, recipe = None, self._recipe
        text = "\n\n".join(story.sections)
        for happened in train_book(
            self._llm,
            text,
            self._recipe,
            self._skill.skill,
            passages=story.sections,
            asker=None if self._asker is None else self._asker.skill,
        ):
            if isinstance(happened, Stepped):
                on_progress(f"step {happened.step} of {happened.steps}, loss {happened.loss:.2f}")
            elif isinstance(happened, Evaluated):
                evaluated[happened.stage] = happened.member_losses
                evaluated["bare"] = [happened.bare_loss]
            elif isinstance(happened, Prepared):
                recipe, items = happened.recipe, happened.items
            elif isinstance(happened, Learned):
                learned = happened
        assert learned is not None
        folder.mkdir(parents=True, exist_ok=True)
        for member, artifact in enumerate(learned.members.artifacts()):
            (folder / f"member-{member:02}.safetensors").write_bytes(artifact)
        notes = {
            "story": story.name,
            "recipe": recipe.model_dump(),
            "losses": evaluated,
            "curve": learned.curve,
            "seconds": learned.seconds,
            "items": [item.as_json() for item in items],
        }
        # Written last: with it, the members are whole.
        record.write_text(json.dumps(notes, indent=1, ensure_ascii=False), encoding="utf-8")
        return learned.members

    def _key(self, story: Story) -> str:
        asked = [] if self._asker is None else [self._asker.digest, AGREEMENT]
        digest = fingerprint(self._llm, self._skill, deciding(self._recipe), story.sections, *asked)
        return f"{story.name[:40]}-{digest}"


def deciding(recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe that decide a result here: nothing is appended, no person wrote a question, and
    the members are asked other questions than those of a trial.
    """
    return recipe.model_dump(exclude={"append", "person_weight", "trial"})


def fingerprint(llm: FrozenLLM, skill: LoadedSkill, *more: object) -> str:
    """16 hexadecimal digits of all that decides a result: the LLM, its skill, and `more`, as JSON."""
    identity = llm.identity
    decides = [
        identity.id,
        identity.revision,
        identity.dtype,
        identity.quantization,
        skill.digest,
        *more,
    ]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
