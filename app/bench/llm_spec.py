"""What is measured: an LLM of a shape with random weights, and the machine and libraries it runs on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from app.errors import CommandError
from trainer.baseline.model_shapes import UnknownShapeError, shape_config
from trainer.baseline.random_weights import random_llm
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import resolve_checkpointing, resolve_cuda_graphs
from trainer.options import Arithmetic, Checkpointing, Dtype, Quantization

LIBRARIES = ("torch", "transformers", "bitsandbytes", "peft")


class Setup(BaseModel):
    """What was measured, on which machine. `parameters` counts numbers, however many bits each has."""

    model_config = ConfigDict(frozen=True)

    device: str
    threads: int | None
    libraries: dict[str, str]
    shape: str
    layers: int
    parameters: int
    footprint_bytes: int
    quantization: str
    arithmetic: Arithmetic
    dtype: str


class LLMSpec(BaseModel):
    """The LLM to measure, by the options of the command line."""

    model_config = ConfigDict(frozen=True)

    shape: str
    layers: int | None = None
    quantization: Quantization = "auto"
    device: str = "auto"
    dtype: Dtype = "auto"
    arithmetic: Arithmetic = "restored"
    threshold: float = 6.0
    checkpointing: Checkpointing = "auto"
    cuda_graphs: bool = False

    def load(self) -> FrozenLLM:
        """Make the LLM, with the same random weights every time. CommandError: it cannot be made."""
        try:
            llm = random_llm(
                self.shape,
                layers=self.layers,
                quantization=self.quantization,
                device=self.device,
                dtype=self.dtype,
                arithmetic=self.arithmetic,
                threshold=self.threshold,
            )
            llm.checkpointing = resolve_checkpointing(llm, self.checkpointing)
            llm.static_decoding = resolve_cuda_graphs(llm, self.cuda_graphs)
            return llm
        except (UnknownShapeError, ModelUnavailableError) as error:
            raise CommandError(str(error)) from error
        except torch.OutOfMemoryError as error:
            raise CommandError(
                f"{self.shape} does not fit into the GPU's memory: try --quantization nf4 or fewer --layers."
            ) from error

    def for_peft(self, llm: FrozenLLM) -> "LLMSpec | None":
        """The same LLM with the layers that PEFT is used with, bitsandbytes' own; None if `llm` has them."""
        if llm.identity.quantization == "none" or self.arithmetic == "bitsandbytes":
            return None
        return self.model_copy(update={"arithmetic": "bitsandbytes"})

    def setup(self, llm: FrozenLLM) -> Setup:
        """Describe the LLM as it was made, and the machine."""
        shape = shape_config(self.shape, self.layers)
        return Setup(
            device=device_name(llm.device),
            threads=torch.get_num_threads() if llm.device.type == "cpu" else None,
            libraries={name: version(name) for name in LIBRARIES},
            shape=self.shape,
            layers=shape.num_hidden_layers,
            parameters=_parameters(llm),
            footprint_bytes=llm.footprint_bytes,
            quantization=llm.identity.quantization,
            arithmetic=self.arithmetic,
            dtype=llm.identity.dtype,
        )


def device_name(device: torch.device) -> str:
    """The maker's name of the device."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _parameters(llm: FrozenLLM) -> int:
    """Count every weight once. Two weights of four bits share a byte, so elements cannot be counted there."""
    linear = {
        id(module.weight): module.in_features * module.out_features
        for module in llm.model.modules()
        if isinstance(module, torch.nn.Linear)
    }
    return sum(linear.get(id(weight), weight.numel()) for weight in llm.model.parameters())
