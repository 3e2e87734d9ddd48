"""A look at the soft prompts of a version: in words, by norms, side by side, from where they began."""

from collections import Counter
from dataclasses import dataclass

import torch
from sqlalchemy.orm import Session
from torch import Tensor

from app.schemas import Inspection, MemberLook, Norms, Word
from store import books, skills, versions
from store.errors import DamagedArtifact, NotFound
from store.tables import Version
from trainer.frozen import FrozenLLM
from trainer.inspection import moved, nearest, similarity, vocabulary_norm
from trainer.prompts import from_bytes, initial
from trainer.reading import split
from trainer.recipe import Recipe
from trainer.skill import from_bytes as skill_from_bytes

# Words shown of a member: of its first virtual tokens, and of those that are nearest most often.
_WORDS = 10


@dataclass(frozen=True)
class Origin:
    """What decides where the members of a version began: its recipe, and a text or prompts."""

    recipe: Recipe
    text: str | None = None
    starts: Tensor | None = None
    parent: Tensor | None = None

    def prompts(self, llm: FrozenLLM) -> Tensor:
        """Where they began: [members, virtual tokens, hidden]."""
        if self.parent is not None:
            return self.parent
        tokens = [] if self.text is None else llm.encode(self.text)
        if self.recipe.objective != "self_study":
            tokens = split(tokens, self.recipe.row_tokens, self.recipe.heldout).text
        return initial(llm, tokens, self.recipe, self.starts)


def origin(session: Session, version: Version, hidden_size: int) -> Origin | None:
    """Where a version began; None where it was imported, or what it began from is gone."""
    if "imported" in version.recipe:
        return None
    try:
        return _origin(session, version, hidden_size)
    except (NotFound, DamagedArtifact):
        return None


def _origin(session: Session, version: Version, hidden_size: int) -> Origin | None:
    recipe = Recipe(**version.recipe)
    if version.parent_number is not None:
        parent = versions.get(session, version.book_id, version.parent_number)
        return Origin(recipe, parent=_stacked(versions.members(session, parent), hidden_size))
    if recipe.initialisation == "learned":
        if version.skill_id is None:
            return None
        skill = skill_from_bytes(skills.artifact(session, skills.get(session, version.skill_id)))
        return Origin(recipe, starts=skill.starts)
    if recipe.initialisation == "text":
        # A study that found no question leaves the objective lm, whose text is without the held-out blocks.
        objective = recipe.objective if version.study_id is not None else "lm"
        text = books.text(session, version.book_id, version.revision)
        return Origin(recipe.model_copy(update={"objective": objective}), text)
    return Origin(recipe)


def inspect(
    llm: FrozenLLM, version: Version, title: str, members: dict[int, Tensor], began: Origin | None
) -> Inspection:
    """Look at the soft prompts [virtual tokens, hidden] of a version, by member, on the LLM's device."""
    prompts = torch.stack(list(members.values()))
    ids, cosines = nearest(llm, prompts)
    norms = prompts.norm(dim=-1)
    distances = None
    if began is not None:
        distances = moved(prompts, began.prompts(llm).cpu()[list(members)]).tolist()
    looks = [
        MemberLook(
            member=number,
            first=[
                Word(id=one, text=_word(llm, one), position=position, cosine=cosine)
                for position, (one, cosine) in enumerate(
                    zip(ids[place, :_WORDS].tolist(), cosines[place, :_WORDS].tolist(), strict=True)
                )
            ],
            frequent=[
                Word(id=one, text=_word(llm, one), count=count)
                for one, count in Counter(ids[place].tolist()).most_common(_WORDS)
            ],
            norms=Norms(
                mean=float(norms[place].mean()),
                least=float(norms[place].min()),
                most=float(norms[place].max()),
            ),
            moved=None if distances is None else distances[place],
        )
        for place, number in enumerate(members)
    ]
    return Inspection(
        book=version.book_id,
        book_title=title,
        number=version.number,
        virtual_tokens=prompts.shape[1],
        vocabulary_norm=vocabulary_norm(llm),
        members=looks,
        similarity=similarity(prompts).tolist(),
    )


def _word(llm: FrozenLLM, token: int) -> str:
    """A token as text, control tokens too."""
    return str(llm.tokenizer.decode([token], skip_special_tokens=False))


def _stacked(members: list[bytes], hidden_size: int) -> Tensor:
    return torch.stack([from_bytes(artifact, hidden_size) for artifact in members])
