"""The LLM that the settings name, loaded or only identified."""

from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module

from app.errors import CommandError
from app.settings import Settings
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import find_revision, load


def load_llm(settings: Settings) -> FrozenLLM:
    """The LLM that the settings name. Raises CommandError with one line when it cannot be had."""
    try:
        return load(
            settings.model,
            revision=settings.revision,
            quantization=settings.quantization,
            device=settings.device,
            dtype=settings.dtype,
            arithmetic=settings.arithmetic,
            int8_threshold=settings.int8_threshold,
            quantization_skip=settings.skipped_modules,
            checkpointing=settings.checkpointing,
            cuda_graphs=settings.cuda_graphs,
            cache_dir=settings.cache_dir,
        )
    except ModelUnavailableError as error:
        names = "BOOKCHORUS_MODEL, BOOKCHORUS_DEVICE, BOOKCHORUS_CHECKPOINTING, BOOKCHORUS_CUDA_GRAPHS"
        raise CommandError(f"{error} (The settings are {names}.)") from error


def begin_to_load_llm(settings: Settings) -> Future[FrozenLLM]:
    """The same in a thread: while weights are read, there is time to import and open what else is needed."""
    # Two threads that import parts of transformers would wait for each other: this is the only other one.
    import_module("trainer.embedding")
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-llm")
    loading = thread.submit(load_llm, settings)
    thread.shutdown(wait=False)
    return loading


def llm_revision(settings: Settings) -> str:
    """The revision of the LLM that the settings name, which is not loaded. CommandError: it cannot be had."""
    try:
        return find_revision(settings.model, revision=settings.revision)
    except ModelUnavailableError as error:
        raise CommandError(f"{error} (The setting is BOOKCHORUS_MODEL.)") from error
