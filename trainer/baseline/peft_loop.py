"""The baseline to measure against: PEFT alone, one adapter after the other in a plain loop."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import peft
import torch

from trainer.llm.frozen_llm import FrozenLLM

_RATE = 0.003
# Methods that PEFT refuses when gradients are checkpointed, as they are after its preparation for k-bit.
UNPREPARED = ("prefix",)


def _prompt_tuning(llm: FrozenLLM, virtual_tokens: int) -> Any:
    return peft.PromptTuningConfig(
        task_type=_task(llm),
        num_virtual_tokens=virtual_tokens,
        # Before the encoder only, as in this project.
        num_transformer_submodules=1,
    )


def _lora(llm: FrozenLLM, virtual_tokens: int) -> Any:
    projections = sorted({name.rpartition(".")[2] for name in llm.lora_targets})
    return peft.LoraConfig(task_type=_task(llm), r=8, target_modules=projections)


def _prefix(llm: FrozenLLM, virtual_tokens: int) -> Any:
    return peft.PrefixTuningConfig(task_type=_task(llm), num_virtual_tokens=virtual_tokens)


# For each method, PEFT's name of it, and its configuration for an LLM and a number of virtual tokens.
PEFT_METHODS: dict[str, tuple[str, Callable[[FrozenLLM, int], Any]]] = {
    "prompt": ("prompt tuning", _prompt_tuning),
    "prefix": ("prefix tuning", _prefix),
    "lora": ("LoRA", _lora),
}


class PeftLoop:
    """An LLM with adapters of one method, of which one is active at a time."""

    def __init__(self, llm: FrozenLLM, model: Any, config: Any) -> None:
        self._llm = llm
        self._model = model
        self._config = config
        self._adapters = 1

    @property
    def learned(self) -> list[torch.Tensor]:
        """The parameters that training changes."""
        return [each for each in self._model.parameters() if each.requires_grad]

    def learn(self, steps: Sequence[Sequence[Sequence[int]]]) -> Iterator[float]:
        """Train the adapter with AdamW, a batch of rows of one length per step; yields each step's loss."""
        self._model.train()
        optimiser = torch.optim.AdamW(self.learned, lr=_RATE)
        for rows in steps:
            loss = self._model(**self._batch(rows)).loss
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            yield float(loss.detach())

    def add(self, count: int) -> None:
        """Add adapters until there are `count`."""
        for number in range(self._adapters, count):
            self._model.add_adapter(str(number), self._config)
        self._adapters = count
        self._model.eval()

    @torch.no_grad()
    def answer(self, number: int, tokens: Sequence[int], length: int) -> None:
        """Decode exactly `length` tokens after a text with adapter `number`."""
        self._model.set_adapter(str(number))
        ids = torch.tensor([self._input(tokens)], device=self._llm.device)
        self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=length,
            min_new_tokens=length,
            do_sample=False,
            pad_token_id=0,
        )

    def _batch(self, rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        device = self._llm.device
        if not self._llm.model.config.is_encoder_decoder:
            ids = torch.tensor(rows, device=device)
            return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
        half = self._llm.conditioned_tokens(len(rows[0]), 0)
        ids = torch.tensor([self._input(row[:half]) for row in rows], device=device)
        labels = torch.tensor([row[half:] for row in rows], device=device)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}

    def _input(self, tokens: Sequence[int]) -> list[int]:
        """The tokens to read: for an encoder with the end-of-text token that T5 was trained with."""
        ends = self._llm.model.config.is_encoder_decoder
        return [*tokens, int(self._llm.tokenizer.eos_token_id)] if ends else list(tokens)


@contextmanager
def peft_loop(
    llm: FrozenLLM, method: str, virtual_tokens: int, *, prepared: bool = False
) -> Iterator[PeftLoop]:
    """The LLM with PEFT's adapter for `method`, which is removed again afterwards.

    Quantized layers must be bitsandbytes' own (its `arithmetic`): those are what PEFT is used with.

    `prepared` first applies `prepare_model_for_kbit_training`, as PEFT's guides do: weights that are not
    quantized become float32, and gradients are checkpointed. That cannot be undone, so nothing else may use
    the LLM afterwards. Raises KeyError for a method that PEFT is not measured with.
    """
    _, configure = PEFT_METHODS[method]
    model: Any = llm.model
    config = configure(llm, virtual_tokens)
    # Our checkpointing is for our own caches; a prepared model has that of transformers.
    checkpointing, llm.checkpointing = llm.checkpointing, False
    # PEFT and transformers warn about each other.
    with warnings.catch_warnings(action="ignore"):
        if prepared:
            prepare: Any = peft.prepare_model_for_kbit_training
            model = prepare(model)
        wrapped: Any = peft.get_peft_model(model, config, "0")
        try:
            yield PeftLoop(llm, wrapped, config)
        finally:
            if config.peft_type == peft.PeftType.LORA:
                wrapped.unload()
            llm.checkpointing = checkpointing
            model.eval().requires_grad_(False)
            vars(model).pop("peft_config", None)


def _task(llm: FrozenLLM) -> Any:
    return peft.TaskType.SEQ_2_SEQ_LM if llm.model.config.is_encoder_decoder else peft.TaskType.CAUSAL_LM
