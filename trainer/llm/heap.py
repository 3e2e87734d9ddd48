"""The heap of the C library, which keeps what is freed between what is in use."""

import ctypes


def trim_heap() -> None:
    """Give the free memory back to the operating system, where the C library can, as glibc's does."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
