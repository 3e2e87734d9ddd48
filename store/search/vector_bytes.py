"""The bytes of a passage's vector in the database: little-endian float32."""

import numpy as np
from numpy.typing import NDArray

_LITTLE_ENDIAN = np.dtype("<f4")


def encode_vector(vector: NDArray[np.float32]) -> bytes:
    """Return the bytes of a float32 vector of shape (d,), 4 d of them."""
    return vector.astype(_LITTLE_ENDIAN).tobytes()


def decode_vector(data: bytes) -> NDArray[np.float32]:
    """Return the float32 vector of these bytes. ValueError: their number is no multiple of four."""
    return np.frombuffer(data, dtype=_LITTLE_ENDIAN).astype(np.float32)


def is_valid_vector(data: bytes, dimension: int) -> bool:
    """Tell whether these bytes are a vector of `dimension` finite numbers."""
    return len(data) == dimension * _LITTLE_ENDIAN.itemsize and bool(np.isfinite(decode_vector(data)).all())
