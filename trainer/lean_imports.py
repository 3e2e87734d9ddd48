"""transformers without what it imports of PyTorch for others: the compiler, and tensors spread over machines.

Both together take longer to import than the rest of torch. Nothing here is compiled or spread, but an
optimizer asks the compiler whether something is: it is imported then.
"""

import sys
import threading
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"
# What transformers takes out of the compiler to use it without: it can be imported alone.
_ALONE = f"{_COMPILER}._trace_wrapped_higher_order_op"


def import_lean() -> None:
    """Import torch and transformers so that its models load neither; call it before anything imports them.

    The compiler is imported when it is first used; functions that were marked for it before that are not kept
    from being compiled. transformers is told for good that this PyTorch has no `torch.distributed`. Does
    nothing where the compiler is imported already.
    """
    import torch

    spec = find_spec(_COMPILER)
    if _COMPILER in sys.modules or spec is None or spec.loader is None:
        return
    compiler = _Deferred(_COMPILER)
    compiler.__spec__, compiler.__loader__, compiler.__package__ = spec, spec.loader, _COMPILER
    compiler.__file__, compiler.__path__ = spec.origin, list(spec.submodule_search_locations or [])
    for decorator in ("disable", "allow_in_graph", "assume_constant_result"):
        setattr(compiler, decorator, _as_it_is)
    sys.modules[_COMPILER] = compiler
    setattr(torch, "_dynamo", compiler)  # noqa: B010 (as an import does)
    with suppress(ImportError):
        import_module(_ALONE)
    # Every other part of it asks for the path first, which imports the whole.
    del compiler.__path__

    from transformers.utils import import_utils

    # It remembers its answer. A version that does not ask like this imports all, and starts later.
    ask = getattr(import_utils, "is_torch_distributed_available", None)
    if ask is not None:
        is_available = torch.distributed.is_available
        torch.distributed.is_available = lambda: False
        try:
            ask()
        finally:
            torch.distributed.is_available = is_available


class _Deferred(ModuleType):
    """A module before it is imported: a name that it does not have imports it, in its place."""

    _lock: threading.RLock
    _begun: bool

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._lock, self._begun = threading.RLock(), False

    def __getattr__(self, name: str) -> Any:
        # Python asks any object for names such as `__wrapped__`; of a package it needs the path.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with self._lock:
            if not self._begun:
                self._begun = True
                assert self.__spec__ is not None
                assert self.__spec__.loader is not None
                self.__path__ = list(self.__spec__.submodule_search_locations or [])
                self.__spec__.loader.exec_module(self)
                # It is an ordinary module from now on.
                object.__setattr__(self, "__class__", ModuleType)
        return ModuleType.__getattribute__(self, name)


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """A decorator that changes nothing, with or without arguments."""
    return (lambda marked: marked) if function is None else function
