"""Passes through the LLM that do not fit in memory: halved, tried again, and reported."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.memory import small_memory
from tests.trainer.methods.test_methods import made, recipe
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches, OutOfMemoryError, is_out_of_memory
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members
from trainer.objectives.lm import LanguageModelling
from trainer.options import Method

PLACE = torch.device("cpu")
# As PyTorch, oneDNN, CUDA and its libraries say it.
WORDS = [
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
    "allocate 4611686018427387904 bytes. Error code 12 (Cannot allocate memory)",
    "[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried to allocate "
    "8589934592 bytes.",
    "could not create a primitive",
    "could not create a memory object",
    "std::bad_alloc",
    "CUDA error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
]


def gradient(llm: FrozenLLM, method: Method, batches: Microbatches) -> tuple[list[float], Members]:
    wish = recipe(method)
    objective = LanguageModelling(llm, tiny.STORY, wish, microbatches=batches)
    members = initial_members(llm, objective.text, wish).trainable_copy(llm.device)
    steps = objective.gradient(members)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value[0], members


@pytest.mark.parametrize("words", WORDS)
def test_22_lack_of_memory_is_known_by_its_words_and_halved(words: str) -> None:
    def work(run: Sequence[int]) -> int:
        if len(run) > 1:
            raise RuntimeError(words)
        return run[0]

    batches = Microbatches(PLACE, 100)
    assert [found for _, found in batches.each([1, 2, 3, 4], 10, work)] == [1, 2, 3, 4]
    assert batches.tokens < 20


def test_22_lack_of_memory_is_known_by_its_type() -> None:
    with pytest.raises(RuntimeError) as found:
        torch.empty(1 << 60)
    for error in (found.value, MemoryError(), torch.OutOfMemoryError("no words"), OutOfMemoryError("a row")):
        assert is_out_of_memory(error)
    for other in (
        RuntimeError("could not create a primitive descriptor for a convolution"),
        ValueError("out of memory"),
        RuntimeError("expected a tensor"),
    ):
        assert not is_out_of_memory(other)


@pytest.mark.parametrize("in_backward", [False, True])
@pytest.mark.parametrize("method", ["prompt", "prefix", "lora"])
def test_what_does_not_fit_is_halved_and_comes_to_the_same(
    tmp_path: Path, method: Method, in_backward: bool
) -> None:
    llm = made(tmp_path, "llama")
    expected, alone = gradient(llm, method, Microbatches(PLACE, 1))
    batches = Microbatches(PLACE)
    with small_memory(llm, 40, in_backward=in_backward) as failed:
        losses, members = gradient(llm, method, batches)
        assert len(failed) == 1
        assert losses == pytest.approx(expected, abs=1e-5)
        for name, tensor in members.tensors.items():
            assert tensor.grad is not None
            torch.testing.assert_close(tensor.grad, alone.tensors[name].grad, atol=1e-6, rtol=1e-3)
        # What was found out is not found out again.
        gradient(llm, method, batches)
        assert len(failed) == 1


def test_a_row_that_does_not_fit_is_reported_and_the_next_is_learned(tmp_path: Path) -> None:
    llm = made(tmp_path, "llama")
    batches = Microbatches(PLACE)
    with (
        small_memory(llm, 10, in_backward=False),
        pytest.raises(OutOfMemoryError, match=r"a row of 30 tokens .*row_tokens and virtual_tokens"),
    ):
        gradient(llm, "prompt", batches)
    expected, _ = gradient(llm, "prompt", Microbatches(PLACE))
    assert gradient(llm, "prompt", batches)[0] == pytest.approx(expected, abs=1e-5)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def fails(_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Microbatches(PLACE).each([1, 2], 10, fails))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="measures a CUDA card")
def test_a_card_is_measured_and_filled() -> None:
    place = torch.device("cuda", torch.cuda.current_device())
    batches = Microbatches(place)
    sizes = []

    def work(rows: Sequence[int]) -> None:
        sizes.append(len(rows))
        torch.empty(len(rows) * 100, 1 << 14, device=place)

    list(batches.each(list(range(1_000_000)), 100, work))
    assert sizes[0] == 20
    assert sizes[1] > 20


def test_while_somebody_waits_the_first_pass_is_small_and_the_next_as_large_as_a_second_allows() -> None:
    hurried = True
    passes = Microbatches(torch.device("cpu"), 25_600, lambda: hurried)

    def sizes() -> list[int]:
        return [len(run) for run, _ in passes.each(range(200), 256, len)]

    assert sizes()[0] == 2
    hurried = False
    assert sizes() == [100, 100]
    # What takes no time is not cut.
    hurried = True
    assert sizes() == [100, 100]
