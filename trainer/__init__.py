"""Trains members of a book on a frozen LLM, and answers with them. Text in, tensors out: no SQL, no HTTP.

The exported names are imported when they are first used, so that light modules such as `trainer.options` can
be imported without torch. Their types are in `__init__.pyi`.
"""

from importlib import import_module

_HOMES = {
    "Members": "trainer.methods.members",
    "Recipe": "trainer.recipe",
    "Row": "trainer.llm.batch_types",
    "decode": "trainer.llm.decoding",
    "load": "trainer.llm.loading",
    "train": "trainer.joint_training",
    "train_book": "trainer.book_training",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """The exported object of this name (PEP 562). AttributeError: nothing of this name is exported."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
