"""From a caller's wish to a queued job: the recipe and the parent are checked, and the room in the queue."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.engine.member_cache import UnusableError
from app.http.problems import Problem, invalid
from app.service import Service
from store import books, jobs, versions
from store.errors import NotFoundError
from store.tables import Job
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.prefix import require_causal
from trainer.options import Method
from trainer.recipe import Recipe


@dataclass(frozen=True)
class Parent:
    """A version to go on from: members of a method and so many `virtual_tokens`, of which it `learned` the
    last itself.
    """

    number: int
    method: Method
    members: int
    virtual_tokens: int
    learned: int
    rank: int


def parent(service: Service, book_id: str, number: int) -> Parent:
    """The version of a book to go on from. Raises Problem where it cannot be, NotFoundError for no book."""
    with service.database.read() as session:
        books.get(session, book_id)
        try:
            version = versions.get(session, book_id, number)
        except NotFoundError as error:
            detail = f"The book has no version {number} to continue from."
            raise Problem(422, "no-such-parent", detail) from error
    try:
        members = service.choruses.members(version)
    except UnusableError as error:
        raise Problem(422, f"parent-{error.slug}", str(error)) from error
    virtual_tokens = members.virtual_tokens
    return Parent(
        number,
        members.method,
        len(members),
        virtual_tokens,
        learned=version.recipe.get("virtual_tokens", virtual_tokens),
        rank=version.recipe.get("rank", 8),
    )


def recipe(service: Service, wish: dict[str, Any] | None, parent: Parent | None = None) -> Recipe:
    """The recipe asked for, with the service's time limit where it has no limit of its own.

    The shape that it leaves open is the parent's. Raises Problem for a recipe that cannot be learned by.
    """
    wish = wish or {}
    shape: dict[str, Any] = {}
    if parent is not None:
        shape = {"method": parent.method, "members": parent.members}
        if parent.method == "lora":
            shape["rank"] = parent.rank
        else:
            shape["virtual_tokens"] = parent.learned if wish.get("append") else parent.virtual_tokens
    try:
        recipe = Recipe(**{**shape, **wish})
    except ValidationError as error:
        raise invalid("invalid-recipe", error) from error
    _check(recipe, parent, service.engine.llm)
    if recipe.budget_seconds is None and recipe.budget_tokens is None:
        return recipe.model_copy(update={"budget_seconds": float(service.settings.budget_seconds)})
    return recipe


def queue(
    session: Session,
    service: Service,
    book_id: str,
    recipe: Recipe,
    parent: Parent | None = None,
    *,
    force: bool = False,
) -> Job:
    """Queue the learning of a book. Raises Problem when the queue is full, NotFoundError for no book."""
    most = service.settings.max_queued_jobs
    if jobs.count(session, "queued") >= most:
        raise Problem(
            503,
            "queue-full",
            f"{most} jobs wait already: try later.",
            headers={"Retry-After": "60"},
            limit=most,
        )
    number = None if parent is None else parent.number
    return jobs.enqueue(session, book_id=book_id, recipe=recipe.model_dump(), parent=number, force=force)


def _check(recipe: Recipe, parent: Parent | None, llm: FrozenLLM) -> None:
    if recipe.method == "prefix":
        try:
            require_causal(llm)
        except ValueError as error:
            raise Problem(422, "invalid-recipe", f"{error}.") from error
    if recipe.append and recipe.method != "prompt":
        raise Problem(422, "invalid-recipe", "Only virtual tokens of the method prompt are appended to.")
    if recipe.append and parent is None:
        detail = "append needs a parent: name the version whose virtual tokens stay as they are."
        raise Problem(422, "invalid-recipe", detail)
    before = 0 if parent is None else parent.virtual_tokens
    if parent is not None and not _goes_on(recipe, parent):
        size = f"rank {parent.rank}" if parent.method == "lora" else f"{before} virtual tokens"
        detail = (
            f"Version {parent.number} has {parent.members} members of {size}, method {parent.method}: "
            "ask for the same, or append to as many members of prompt."
        )
        raise Problem(422, "invalid-recipe", detail)
    tokens = recipe.virtual_tokens + (before if recipe.append else 0)
    context = llm.context_tokens
    if recipe.method != "lora" and tokens + recipe.row_tokens > context:
        detail = (
            f"A member's {tokens} virtual tokens and row_tokens together are more than the LLM's context of "
            f"{context} tokens."
        )
        raise Problem(422, "invalid-recipe", detail, limit_tokens=context)


def _goes_on(recipe: Recipe, parent: Parent) -> bool:
    """Whether members of the recipe can begin as the parent's are, or be appended to them."""
    if (recipe.method, recipe.members) != (parent.method, parent.members):
        return False
    if recipe.method == "lora":
        return recipe.rank == parent.rank
    return recipe.append or recipe.virtual_tokens == parent.virtual_tokens
