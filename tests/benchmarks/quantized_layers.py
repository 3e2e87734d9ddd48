"""Our layers over quantized weights beside bitsandbytes' own, and PEFT: a step of training, and an answer.

    OMP_NUM_THREADS=1 .venv/bin/python -m tests.benchmarks.quantized_layers --quantization int8

Random weights of a shape. The sides take turns, step by step, so that whatever else runs disturbs all alike.
Prints for each the median of the CPU seconds, the least and the most. PEFT takes each member in turn: one is
measured, and times the number of members is what all take.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from app.bench.answering import AnswerWorkload, BenchMembers
from app.bench.train_steps import TrainWorkload, train_together, train_with_peft
from trainer.baseline.peft_loop import peft_loop
from trainer.baseline.random_weights import random_llm
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.options import Arithmetic, Quantization


def turns(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each side in each round, after one round that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, work in sides.items():
            started = time.process_time()
            work()
            if number:
                found[name].append(time.process_time() - started)
    return found


def show(what: str, found: dict[str, list[float]], times: dict[str, int]) -> None:
    """Print each side's median, and its range."""
    for name, seconds in found.items():
        all_members = [each * times.get(name, 1) for each in seconds]
        least, most = min(all_members), max(all_members)
        print(f"{what}, {name}: {median(all_members):.2f} s ({least:.2f} to {most:.2f})", flush=True)


def main() -> None:
    """Train, then answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="smollm2-135m")
    parser.add_argument("--quantization", default="int8", choices=["none", "int8", "nf4"])
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--row-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    learning = TrainWorkload(members=asked.members, row_tokens=asked.row_tokens)
    answering = AnswerWorkload(members=asked.members, passage_tokens=asked.row_tokens, answer_tokens=16)

    def made(arithmetic: Arithmetic) -> FrozenLLM:
        quantization: Quantization = asked.quantization
        return random_llm(asked.shape, quantization=quantization, device="cpu", arithmetic=arithmetic)

    ours = {"restored": made("restored")}
    if asked.quantization != "none":
        ours["bitsandbytes"] = made("bitsandbytes")
    theirs = made("bitsandbytes")
    every = asked.rounds + 1
    with peft_loop(theirs, "prompt", learning.virtual_tokens) as model:
        steps = {
            name: train_together(llm, learning, every, Microbatches(llm.device, "auto"))
            for name, llm in ours.items()
        }
        alone = train_with_peft(theirs, learning, model, 0, every)
        work: dict[str, Callable[[], object]] = {name: partial(next, taken) for name, taken in steps.items()}
        found = turns({**work, "PEFT": partial(next, alone)}, asked.rounds)
        show(f"{asked.quantization}, a step", found, {"PEFT": asked.members})
        model.add(1)
        answers: dict[str, Callable[[], object]] = {}
        for name, llm in ours.items():
            members = BenchMembers(llm, answering)
            for count in (1, asked.members):
                known = partial(members.answer, count, members.read(count))
                answers[f"{name}, {count} behind a passage read before"] = known
            answers[f"{name}, {asked.members}"] = partial(members.answer, asked.members, None)
        prompt = members.prompt_tokens
        answers["PEFT"] = partial(model.answer, 0, prompt, answering.answer_tokens)
        found = turns(answers, asked.rounds)
        show(
            f"{asked.quantization}, an answer of {answering.answer_tokens} tokens",
            found,
            {"PEFT": asked.members},
        )


if __name__ == "__main__":
    main()
