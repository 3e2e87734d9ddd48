"""Passages' vectors as the database keeps them: little-endian float32 bytes."""

import numpy as np
from numpy.typing import NDArray

_LITTLE_ENDIAN = np.dtype("<f4")


def packed(vector: NDArray[np.float32]) -> bytes:
    """The bytes of a vector."""
    return vector.astype(_LITTLE_ENDIAN).tobytes()


def unpacked(data: bytes) -> NDArray[np.float32]:
    """The vector of these bytes. ValueError: they are no whole numbers of four bytes."""
    return np.frombuffer(data, dtype=_LITTLE_ENDIAN).astype(np.float32)


def whole(data: bytes, dimension: int) -> bool:
    """Tell whether these bytes are a vector of so many numbers, all of them finite."""
    return len(data) == dimension * _LITTLE_ENDIAN.itemsize and bool(np.isfinite(unpacked(data)).all())
