"""PyTorch and transformers without what they import for others, for a quick start.

PyTorch's compiler, tensors spread over machines, SciPy, which only object detection uses: together they take
longer to import than the rest. What may be needed after all is imported when it is first used.
"""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"
# What transformers takes out of the compiler to use it without: it can be imported alone.
_ALONE = f"{_COMPILER}._trace_wrapped_higher_order_op"
# Reads every file below it to know what is where.
_ARCHITECTURES = "transformers.models"


@contextmanager
def quick_start() -> Iterator[None]:
    """The start of a process that lives long: what it imports and makes within this, it keeps.

    torch and transformers are imported lean, and nobody looks for garbage meanwhile, which takes a tenth of
    the start; nor ever again in what exists at the end, which would stop all requests for a second at times.
    """
    gc.disable()
    try:
        import_lean()
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_lean() -> None:
    """Import torch and transformers so that no model loads any of this; call it before anything imports them.

    The compiler is imported when it is first used; functions that were marked for it before that are not kept
    from being compiled. transformers is told for good that this PyTorch has no `torch.distributed`, and that
    there is no SciPy. Does nothing where torch is imported already.
    """
    if "torch" in sys.modules:
        return
    _defer_compiler()
    _tell_transformers()
    spec = find_spec(_ARCHITECTURES)
    if spec is not None and _ARCHITECTURES not in sys.modules:
        # Its parts are imported from its folder; the package itself only where somebody asks it for a class.
        _defer(spec)


def _defer_compiler() -> None:
    import torch

    spec = find_spec(_COMPILER)
    if _COMPILER in sys.modules or spec is None:
        return
    compiler = _defer(spec)
    for decorator in ("disable", "allow_in_graph", "assume_constant_result"):
        setattr(compiler, decorator, _as_it_is)
    setattr(torch, "_dynamo", compiler)  # noqa: B010 (as an import does)
    with suppress(ImportError):
        import_module(_ALONE)
    # Every other part of it asks for the path first, which imports the whole.
    del compiler.__path__


def _tell_transformers() -> None:
    """Settle what it remembers. A version that does not ask like this imports all, and starts later."""
    import torch
    from transformers.utils import import_utils

    with _answered(torch.distributed, "is_available", False):
        _ask_again(import_utils, "is_torch_distributed_available")
    with _answered(import_utils, "_is_package_available", (False, "N/A")):
        _ask_again(import_utils, "is_scipy_available")


def _ask_again(module: ModuleType, name: str) -> None:
    ask: Any = getattr(module, name, None)
    if hasattr(ask, "cache_clear"):
        ask.cache_clear()
        ask()


@contextmanager
def _answered(module: ModuleType, name: str, answer: object) -> Iterator[None]:
    """Have the function of this name, if there is one, answer so meanwhile."""
    function = getattr(module, name, None)
    if function is None:
        yield
        return
    setattr(module, name, lambda *_, **__: answer)
    try:
        yield
    finally:
        setattr(module, name, function)


def _defer(spec: ModuleSpec) -> "_Deferred":
    """The module of this specification, there and not imported."""
    module = sys.modules[spec.name] = _Deferred(spec)
    return module


class _Deferred(ModuleType):
    """A module before it is imported: a name that it does not have imports it, in its place."""

    _lock: threading.RLock
    _begun: bool

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__loader__, self.__file__ = spec, spec.loader, spec.origin
        self.__package__ = spec.parent
        if spec.submodule_search_locations is not None:
            self.__path__ = list(spec.submodule_search_locations)
        self._lock, self._begun = threading.RLock(), False

    def _import_now(self) -> None:
        """Import it, unless that has begun."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
            spec = self.__spec__
            assert spec is not None
            assert spec.loader is not None
            if spec.submodule_search_locations is not None:
                self.__path__ = list(spec.submodule_search_locations)
            spec.loader.exec_module(self)
            if sys.modules[spec.name] is self:
                # It is an ordinary module from now on.
                object.__setattr__(self, "__class__", ModuleType)

    def __getattr__(self, name: str) -> Any:
        # Python asks any object for names such as `__wrapped__`; of a package it needs the path.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self._import_now()
        imported = sys.modules[self.__name__]
        # A module may put another one in its place.
        return ModuleType.__getattribute__(self, name) if imported is self else getattr(imported, name)


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """A decorator that changes nothing, with or without arguments."""
    return (lambda marked: marked) if function is None else function
