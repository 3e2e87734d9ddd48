"""Checks of the models: the LLM's files, and the embedder."""

from pathlib import Path

from app.doctor.check import Check, first_line
from app.errors import CommandError
from app.settings import Settings
from trainer.llm.availability import ModelUnavailableError, local_folder, parameters

_MEND = "Set BOOKCHORUS_EMBEDDER to 'embedded', or to a folder or id of sentence-transformers."


def model(settings: Settings) -> tuple[Check, int | None]:
    """Whether the LLM's files are there, and about how many parameters it has, where that is known."""
    try:
        folder = local_folder(settings.model, settings.revision)
    except ModelUnavailableError as error:
        mend = "Name another one with --model, or use 'embedded', which comes with the packages."
        return Check("model", "fault", str(error), mend), None
    if folder is None:
        seen = f"{settings.model} is not on this machine: the start downloads it from the Hugging Face hub"
        return Check(
            "model", "warning", seen, f"Without a network, fetch it before: hf download {settings.model}"
        ), None
    count = parameters(folder)
    return Check("model", "ok", f"{settings.model}, about {count / 1e6:,.0f} million parameters"), count


def embedder(settings: Settings) -> Check:
    """Whether passages and questions can be embedded: it is done with a sentence."""
    from app.engine.embedder import EMBEDDED, load_embedder

    wanted = settings.embedder
    if wanted != EMBEDDED and not Path(wanted).expanduser().is_dir():
        try:
            if local_folder(wanted) is None:
                seen = f"{wanted} is not on this machine: the start downloads it from the Hugging Face hub"
                return Check(
                    "embedder", "warning", seen, f"Without a network, fetch it before: hf download {wanted}"
                )
        except ModelUnavailableError:
            return Check("embedder", "fault", f"There is no embedder {wanted!r} here", _MEND)
    try:
        found = load_embedder(settings)
        size = found.questions(["Who kept a green lamp?"]).shape[1]
    except (CommandError, OSError, ImportError) as error:
        return Check("embedder", "fault", first_line(error), _MEND)
    return Check("embedder", "ok", f"{found.name}, vectors of {size} numbers")
