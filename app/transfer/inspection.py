"""A look at the members of a version: in words, by norms, side by side, from where they began."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy.orm import Session
from torch import Tensor

from app.schemas import Inspection, MemberLook, Norms, Word
from store import books, skills, versions
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Version
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.dispatch import initial_members, member_from_bytes
from trainer.methods.inspection import distance_moved, nearest_tokens, similarity, vocabulary_norm
from trainer.methods.members import Members, join_members
from trainer.methods.prompt import Prompts
from trainer.objectives.text_rows import split_text
from trainer.recipe import Recipe
from trainer.skill.skill import skill_from_bytes

# Words shown of a member: of its first virtual tokens, and of those that are nearest most often.
_WORDS = 10


@dataclass(frozen=True)
class Origin:
    """What decides where the members of a version began: its recipe, a text or prompts, the bytes of its
    skill prompt; or a parent's members as bytes.
    """

    recipe: Recipe
    text: str | None = None
    skill: bytes | None = None
    parent: list[bytes] | None = None

    def members(self, llm: FrozenLLM) -> Members:
        """Where they began."""
        method = self.recipe.method
        if self.parent is not None:
            return join_members([member_from_bytes(method, artifact, llm) for artifact in self.parent])
        tokens = [] if self.text is None else llm.encode(self.text)
        if self.recipe.objective != "self_study":
            tokens = split_text(tokens, self.recipe.row_tokens, self.recipe.heldout).text
        skill = None if self.skill is None else skill_from_bytes(self.skill)
        context = None if skill is None else skill.context(llm)
        return initial_members(llm, tokens, self.recipe, context, None if skill is None else skill.starts)


def origin(session: Session, version: Version) -> Origin | None:
    """Where a version began; None where it was imported, or what it began from is gone."""
    if "imported" in version.recipe:
        return None
    try:
        return _origin(session, version)
    except (NotFoundError, DamagedArtifactError):
        return None


def _origin(session: Session, version: Version) -> Origin | None:
    recipe = Recipe(**version.recipe)
    if version.parent_number is not None:
        parent = versions.get(session, version.book_id, version.parent_number)
        return Origin(recipe, parent=versions.members(session, parent))
    skill = None
    # What a prompt is, or a change, is not told by what stands before it.
    if version.skill_id is not None and (recipe.initialisation == "learned" or recipe.method == "prefix"):
        skill = skills.artifact(session, skills.get(session, version.skill_id))
    if recipe.initialisation == "learned" and skill is None:
        return None
    if recipe.initialisation == "text":
        # A study that found no question leaves the objective lm, whose text is without the held-out blocks.
        objective = recipe.objective if version.study_id is not None else "lm"
        text = books.text(session, version.book_id, version.revision)
        return Origin(recipe.model_copy(update={"objective": objective}), text, skill)
    return Origin(recipe, skill=skill)


def inspect(
    llm: FrozenLLM, version: Version, title: str, members: dict[int, Members], began: Origin | None
) -> Inspection:
    """Look at the members of a version, by their numbers, on the LLM's device."""
    together = join_members(list(members.values()))
    rows = together.vectors()
    # Only virtual tokens are near to words.
    words = _words(llm, together.embeddings) if isinstance(together, Prompts) else []
    norms = rows.norm(dim=-1)
    distances = None
    if began is not None:
        distances = distance_moved(rows, began.members(llm).vectors().cpu()[list(members)]).tolist()
    looks = [
        MemberLook(
            member=number,
            first=words[place][0] if words else [],
            frequent=words[place][1] if words else [],
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
        method=together.method,
        virtual_tokens=together.virtual_tokens,
        vocabulary_norm=vocabulary_norm(llm),
        members=looks,
        similarity=similarity(rows).tolist(),
    )


def _words(llm: FrozenLLM, prompts: Tensor) -> list[tuple[list[Word], list[Word]]]:
    """For each soft prompt, what its first virtual tokens are near to, and what most of them are near to."""
    ids, cosines = nearest_tokens(llm, prompts)
    return [
        (
            [
                Word(id=one, text=_word(llm, one), position=position, cosine=cosine)
                for position, (one, cosine) in enumerate(
                    zip(near[:_WORDS].tolist(), close[:_WORDS].tolist(), strict=True)
                )
            ],
            [
                Word(id=one, text=_word(llm, one), count=count)
                for one, count in Counter(near.tolist()).most_common(_WORDS)
            ],
        )
        for near, close in zip(ids, cosines, strict=True)
    ]


def _word(llm: FrozenLLM, token: int) -> str:
    """A token as text, control tokens too."""
    return str(llm.tokenizer.decode([token], skip_special_tokens=False))
