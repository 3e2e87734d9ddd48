import torch

from app.bench.limits import copy_speed, product_speed, step_operations, token_bytes
from app.bench.train_steps import TrainWorkload
from trainer.baseline.random_weights import random_llm

WORK = TrainWorkload(members=3, rows=2, row_tokens=24, virtual_tokens=5)


def test_a_step_of_a_causal_llm_by_hand() -> None:
    llm = random_llm("tiny", quantization="none", device="cpu", dtype="float32")
    stack = 2 * ((32 + 16) * 2 * 32 + 3 * 32 * 64)
    # Two operations forward and two backward; the head sees only positions that predict a token.
    assert step_operations(llm, WORK) == 4 * 6 * (29 * stack + 24 * 320 * 32)


def test_quantized_weights_are_as_many_but_fewer_bytes() -> None:
    whole, int8, nf4 = (
        random_llm("tiny", quantization=each, device="cpu", dtype="float32")
        for each in ("none", "int8", "nf4")
    )
    assert step_operations(int8, WORK) == step_operations(nf4, WORK) == step_operations(whole, WORK)
    head = 320 * 32
    stack = 2 * ((32 + 16) * 2 * 32 + 3 * 32 * 64)
    assert token_bytes(whole) == 4 * (head + stack)
    assert token_bytes(int8) == 4 * head + stack
    assert token_bytes(nf4) == 4 * head + stack / 2


def test_an_encoder_decoder_reads_with_one_half_and_answers_with_the_other() -> None:
    llm = random_llm("tiny-t5", quantization="none", device="cpu", dtype="float32")
    attention, feed = 4 * 32 * 32, 3 * 32 * 64
    # The encoder has the prompt, half of the row and its end; the decoder's keys and values are of the same.
    read = 18 * 2 * (attention + feed + attention / 2)
    said = 12 * (2 * (attention + attention / 2 + feed) + 320 * 32)
    assert step_operations(llm, WORK) == 4 * 6 * (read + said)
    assert token_bytes(llm) == 4 * (2 * (attention + attention / 2 + feed) + 320 * 32)


def test_what_the_device_does_is_measured() -> None:
    cpu = torch.device("cpu")
    assert product_speed(cpu, torch.float32) > 1e8
    assert copy_speed(cpu) > 1e7
