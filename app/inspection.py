"""Inspects the members of a version: nearest words, norms, similarity, distance from their start."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session
from torch import Tensor

from app.engine.member_cache import MemberCache
from app.engine.runner import Runner
from app.engine.version_skill import version_skill
from store import books, revisions, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Version
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.dispatch import initial_members, member_from_bytes
from trainer.methods.inspection import distance_moved, nearest_tokens, similarity, vocabulary_norm
from trainer.methods.members import Members, join_members
from trainer.methods.prompt import Prompts
from trainer.objectives.text_rows import split_text
from trainer.recipe import Recipe
from trainer.skill.skill import Skill


@dataclass(frozen=True)
class Word:
    """The vocabulary's token nearest to a virtual token, with its cosine; or to how many it is nearest."""

    id: int
    text: str
    position: int | None = None
    cosine: float | None = None
    count: int = 1


@dataclass(frozen=True)
class Norms:
    """Norms of embeddings."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True)
class MemberLook:
    """A member's first virtual tokens in words, the words most often nearest, and its norms.

    Prefixes and LoRA have no words; their norms are those of a position's keys and values, or of all numbers.
    `moved` is the mean distance of these from where they started, None where that is not known.
    """

    member: int
    first: Sequence[Word]
    frequent: Sequence[Word]
    norms: Norms
    moved: float | None


@dataclass(frozen=True)
class Inspection:
    """What the members of a version are like.

    `vocabulary_norm` is the mean norm of the LLM's own embeddings; `similarity` the mean cosine of each two
    of the `members`, position by position, in their order. Damaged members are left out.
    """

    book: str
    book_title: str
    number: int
    method: str
    virtual_tokens: int
    vocabulary_norm: float
    members: Sequence[MemberLook]
    similarity: Sequence[Sequence[float]]


# Words shown of a member: of its first virtual tokens, and of those that are nearest most often.
_WORDS = 10


@dataclass(frozen=True)
class Origin:
    """What decides where the members of a version began: its recipe, a text or prompts, what gives its skill;
    or a parent's members as bytes.
    """

    recipe: Recipe
    text: str | None = None
    skill: Callable[[FrozenLLM], Skill] | None = None
    parent: list[bytes] | None = None

    def members(self, llm: FrozenLLM) -> Members | None:
        """The members before they learned anything.

        None for prefixes that the LLM read with another skill than it is equipped with now.
        """
        method, placement = self.recipe.method, self.recipe.placement
        if self.parent is not None:
            return join_members(
                [member_from_bytes(method, artifact, llm, placement) for artifact in self.parent]
            )
        tokens = [] if self.text is None else llm.encode(self.text)
        if self.recipe.objective != "self_study":
            tokens = split_text(tokens, self.recipe.row_tokens, self.recipe.heldout).text
        skill = None if self.skill is None else self.skill(llm)
        in_force = llm.adaptation.holds(None) if skill is None else skill.is_in_force(llm)
        if self.recipe.method == "prefix" and not in_force:
            return None
        context = skill.context(llm) if skill is not None and in_force else None
        return initial_members(llm, tokens, self.recipe, context, None if skill is None else skill.starts)


def origin(session: Session, version: Version) -> Origin | None:
    """What the members of a version started from; None where it was imported, or that is gone."""
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
        return Origin(recipe, parent=versions.member_artifacts(session, parent))
    skill = None
    # What a prompt is, or a change, is not told by what stands before it.
    if recipe.initialisation == "learned" or recipe.method == "prefix":
        skill = version_skill(session, version)
    if recipe.initialisation == "learned" and skill is None:
        return None
    if recipe.initialisation == "text":
        # A study that found no question leaves the objective lm, whose text is without the held-out blocks.
        objective = recipe.objective if version.study_id is not None else "lm"
        text = revisions.text(session, version.book_id, version.revision)
        return Origin(recipe.model_copy(update={"objective": objective}), text, skill)
    return Origin(recipe, skill=skill)


def inspect(
    database: Database, members: MemberCache, runner: Runner, book_id: str, ref: int | str
) -> Inspection:
    """Look at the members of a version of a book, by its number or an alias; the runner runs the LLM.

    Raises NotFoundError, VersionPrunedError, DamagedArtifactError, and OtherModelError for a version of
    another LLM.
    """
    with database.read() as session:
        version = versions.get_live(session, book_id, ref)
        title = books.get(session, book_id).title
        began = origin(session, version)
    found = members.whole(version)
    return runner.run_now(lambda: _inspected(runner.llm, version, title, found, began))


def _inspected(
    llm: FrozenLLM, version: Version, title: str, members: Mapping[int, Members], began: Origin | None
) -> Inspection:
    together = join_members(list(members.values()))
    rows = together.vectors()
    # Only virtual tokens are near to words.
    words = _words(llm, together.embeddings) if isinstance(together, Prompts) else []
    norms = rows.norm(dim=-1)
    distances = None
    start = None if began is None else began.members(llm)
    if start is not None:
        distances = distance_moved(rows, start.vectors().cpu()[list(members)]).tolist()
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
    """For each soft prompt the words nearest to its first virtual tokens, and those most often nearest."""
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
