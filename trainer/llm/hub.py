"""Models of the Hugging Face hub: where to load them from, whether or not the hub answers."""

from pathlib import Path

from trainer.llm.availability import ModelUnavailableError, kept_folder

_SECONDS = 10


def source_of(model: str, revision: str | None = None) -> str:
    """What to load a model from: its folder, its id on the hub, or, while the hub is silent, its kept files.

    The hub is asked once, for at most 10 s. Its library would repeat each call for half a minute before it
    took what is kept, and so it does for files that a model need not have.

    Raises ModelUnavailableError when the hub is silent and nothing is kept.
    """
    if Path(model).is_dir() or _answers():
        return model
    kept = kept_folder(model, revision)
    if kept is None:
        raise ModelUnavailableError(
            f"The model {model!r} is no folder here, and the Hugging Face hub does not answer. "
            "Check the name and the network, or use 'embedded', which needs none."
        )
    return str(kept)


def _answers() -> bool:
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_SECONDS)
    except Exception:  # releases of the hub use different libraries for HTTP, each with errors of its own
        return False
    return True
