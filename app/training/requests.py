"""From a caller's wish to a queued job: checks the recipe, the parent version, and the room in the queue."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.engine.member_cache import MemberCache, UnusableVersionError
from store import books, jobs, versions
from store.aliases import CHAMPION
from store.database import Database
from store.errors import NotFoundError
from store.tables import Job
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.prefix import require_causal
from trainer.options import Method, Placement
from trainer.recipe import Recipe


class InvalidRecipeError(ValueError):
    """No version can be learned by this recipe; `limits` say what it broke.

    Where the recipe has a field of the wrong kind, the cause is pydantic's ValidationError.
    """

    def __init__(self, message: str, **limits: int) -> None:
        super().__init__(message)
        self.limits = limits


class InvalidParentError(ValueError):
    """A version that nothing can go on from; `slug` is the stable name of the reason."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


class QueueFullError(Exception):
    """As many jobs wait already as are allowed, `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs wait already: try later.")
        self.limit = limit


@dataclass(frozen=True)
class Parent:
    """A version to go on from.

    Its members have `virtual_tokens` in all; the last `own_virtual_tokens` were learned by the version
    itself, the others by the versions it was appended to. `rank` is that of LoRA.
    """

    number: int
    method: Method
    placement: Placement
    members: int
    virtual_tokens: int
    own_virtual_tokens: int
    rank: int


@dataclass(frozen=True)
class TrainingRequests:
    """Turns wishes into jobs, within `budget_seconds` for each and `most_queued` at once."""

    database: Database
    members: MemberCache
    llm: FrozenLLM
    budget_seconds: float
    most_queued: int

    def parent(self, book_id: str, number: int) -> Parent:
        """The version of a book to go on from. InvalidParentError: it cannot be. NotFoundError: no book."""
        with self.database.read() as session:
            books.get(session, book_id)
            try:
                version = versions.get(session, book_id, number)
            except NotFoundError as error:
                message = f"The book has no version {number} to continue from."
                raise InvalidParentError("no-such-parent", message) from error
        try:
            members = self.members.members(version)
        except UnusableVersionError as error:
            raise InvalidParentError(f"parent-{error.slug}", str(error)) from error
        return Parent(
            number,
            members.method,
            members.placement,
            len(members),
            members.virtual_tokens,
            own_virtual_tokens=version.recipe.get("virtual_tokens", members.virtual_tokens),
            rank=version.recipe.get("rank", 8),
        )

    def recipe(self, wish: dict[str, Any] | None, parent: Parent | None = None) -> Recipe:
        """The recipe asked for, with the service's time limit where it sets no limit of its own.

        The shape of its members is the parent's unless it says otherwise. InvalidRecipeError: no version can
        be learned by it.
        """
        wish = wish or {}
        try:
            recipe = Recipe(**{**_shape(parent, append=bool(wish.get("append"))), **wish})
        except ValidationError as error:
            raise InvalidRecipeError("The recipe has fields of the wrong kind.") from error
        self._check(recipe, parent)
        if recipe.budget_seconds is None and recipe.budget_tokens is None:
            return recipe.model_copy(update={"budget_seconds": self.budget_seconds})
        return recipe

    def from_champion(self, book_id: str) -> tuple[Recipe, Parent | None]:
        """A recipe by which the champion's members go on learning, else one from scratch.

        NotFoundError: no such book.
        """
        with self.database.read() as session:
            number = books.get(session, book_id).aliases.get(CHAMPION)
        if number is not None:
            try:
                parent = self.parent(book_id, number)
                return self.recipe(None, parent), parent
            except (InvalidParentError, InvalidRecipeError):
                # They are pruned, damaged, of another LLM, or too long to learn in one piece.
                pass
        return self.recipe(None), None

    def queue(
        self,
        session: Session,
        book_id: str,
        recipe: Recipe,
        parent: Parent | None = None,
        *,
        force: bool = False,
    ) -> Job:
        """Queue the learning of a book. QueueFullError: there is no room. NotFoundError: no such book."""
        if jobs.count(session, "queued") >= self.most_queued:
            raise QueueFullError(self.most_queued)
        number = None if parent is None else parent.number
        return jobs.enqueue(session, book_id=book_id, recipe=recipe.model_dump(), parent=number, force=force)

    def _check(self, recipe: Recipe, parent: Parent | None) -> None:
        if recipe.method == "prefix" or recipe.placement == "behind":
            try:
                require_causal(self.llm)
            except ValueError as error:
                raise InvalidRecipeError(f"{error}.") from error
        if recipe.append and recipe.method != "prompt":
            raise InvalidRecipeError("Only virtual tokens of the method prompt are appended to.")
        if recipe.append and parent is None:
            raise InvalidRecipeError(
                "append needs a parent: name the version whose virtual tokens stay as they are."
            )
        before = 0 if parent is None else parent.virtual_tokens
        if parent is not None and not _goes_on(recipe, parent):
            size = f"rank {parent.rank}" if parent.method == "lora" else f"{before} virtual tokens"
            raise InvalidRecipeError(
                f"Version {parent.number} has {parent.members} members of {size}, method {parent.method}, "
                f"placement {parent.placement}: ask for the same, or append to as many members of prompt."
            )
        tokens = recipe.virtual_tokens + (before if recipe.append else 0)
        context = self.llm.context_tokens
        if recipe.method != "lora" and tokens + recipe.row_tokens > context:
            raise InvalidRecipeError(
                f"A member's {tokens} virtual tokens and row_tokens together are more than the LLM's context "
                f"of {context} tokens.",
                limit_tokens=context,
            )


def _shape(parent: Parent | None, *, append: bool) -> dict[str, Any]:
    """The fields that a recipe takes from its parent unless it sets them."""
    if parent is None:
        return {}
    shape: dict[str, Any] = {
        "method": parent.method,
        "placement": parent.placement,
        "members": parent.members,
    }
    if parent.method == "lora":
        return {**shape, "rank": parent.rank}
    return {**shape, "virtual_tokens": parent.own_virtual_tokens if append else parent.virtual_tokens}


def _goes_on(recipe: Recipe, parent: Parent) -> bool:
    """Whether members of the recipe can start from the parent's, or be appended to them."""
    asked = (recipe.method, recipe.placement, recipe.members)
    if asked != (parent.method, parent.placement, parent.members):
        return False
    if recipe.method == "lora":
        return recipe.rank == parent.rank
    return recipe.append or recipe.virtual_tokens == parent.virtual_tokens
