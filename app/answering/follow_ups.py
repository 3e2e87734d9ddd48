"""Follow-up questions: what was said before them helps to find passages, and says which books are meant."""

from collections.abc import Sequence
from dataclasses import replace

from app.answering.types import Scope

# Texts that were said before, and characters of them, that are added to the question in a search.
_TEXTS = 2
_CHARACTERS = 400


def spoken_of(said: Sequence[str]) -> str:
    """What is added to a follow-up in a search, out of what was said before it, the oldest first.

    The question may refer to what the turns before it named; long turns would drown it.
    """
    return " ".join(said[-_TEXTS:])[-_CHARACTERS:]


def keeping_to(scope: Scope, books: Sequence[str]) -> Scope:
    """Where a follow-up is looked for: where it says so itself, else in the `books` asked before it."""
    says_so = scope.books or scope.authors is not None or scope.tags is not None
    return scope if says_so else replace(scope, books=books)
