"""Joint training of N members against N runs of PEFT prompt tuning, one after the other, in one run.

    .venv/bin/python -m tests.benchmarks.joint_training [--members 8] [--rows 2] [--quantization none]

Same LLM, dtype, rows and virtual tokens; each member takes one AdamW step a row. Both are timed in turns,
after a step of each that is not counted. Tokens are those of the text and the virtual ones.
"""

import argparse
import json
import random
import time

import peft
import torch

from app.settings import Settings
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.scoring import row_losses

VIRTUAL_TOKENS = 100
ROW_TOKENS = 256


def joint(llm: FrozenLLM, members: int, rows: list[list[int]]) -> float:
    """Seconds for every member to take a step on every row, all members in one batch."""
    prompts = llm.embed(torch.arange(VIRTUAL_TOKENS).repeat(members, 1)).float().requires_grad_()
    optimiser = torch.optim.AdamW([prompts], lr=0.01, weight_decay=0.0)
    started = time.perf_counter()
    for row in rows:
        optimiser.zero_grad()
        losses = row_losses(llm, prompts, [row] * members)
        torch.stack([loss.mean() for loss in losses]).sum().backward()
        optimiser.step()
    return time.perf_counter() - started


def peft_one_by_one(llm: FrozenLLM, members: int, rows: list[list[int]]) -> float:
    """Seconds for the same with PEFT's prompt tuning: a run for each member."""
    seconds = 0.0
    for _ in range(members):
        config = peft.PromptTuningConfig(task_type=peft.TaskType.CAUSAL_LM, num_virtual_tokens=VIRTUAL_TOKENS)
        model = peft.get_peft_model(llm.model, config)
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(learned, lr=0.01, weight_decay=0.0)
        started = time.perf_counter()
        for row in rows:
            ids = torch.tensor([row], device=llm.device)
            optimiser.zero_grad()
            model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
            optimiser.step()
        seconds += time.perf_counter() - started
    return seconds


def main() -> None:
    """Time both and print tokens a second and their ratio, as a line of words and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--quantization", default="none", choices=["none", "int8", "nf4"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    asked = parser.parse_args()
    llm = load(
        quantization=asked.quantization,
        device=asked.device,
        dtype=asked.dtype,
        cache_dir=Settings().cache_dir,
    )
    # PEFT is used with bitsandbytes' own layers.
    plain = load(
        quantization=asked.quantization,
        device=asked.device,
        dtype=asked.dtype,
        arithmetic="bitsandbytes",
        cache_dir=Settings().cache_dir,
    )
    draw = random.Random(0)
    rows = [[draw.randrange(100, 40_000) for _ in range(ROW_TOKENS)] for _ in range(asked.rows)]
    joint(llm, asked.members, rows[:1])
    peft_one_by_one(plain, 1, rows[:1])
    ours = theirs = 0.0
    for row in rows:
        ours += joint(llm, asked.members, [row])
        theirs += peft_one_by_one(plain, asked.members, [row])
    tokens = asked.members * asked.rows * (VIRTUAL_TOKENS + ROW_TOKENS)
    figures = {
        "device": str(llm.device),
        "dtype": llm.identity.dtype,
        "quantization": llm.identity.quantization,
        "footprint_bytes": llm.footprint_bytes,
        "members": asked.members,
        "joint_tokens_per_second": tokens / ours,
        "peft_tokens_per_second": tokens / theirs,
        "ratio": theirs / ours,
    }
    print(
        f"joint {tokens / ours:.0f} tokens/s, PEFT {tokens / theirs:.0f} tokens/s, {theirs / ours:.2f} times"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
