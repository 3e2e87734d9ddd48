"""Lean imports change how long a start takes, and nothing that an LLM can do; in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from trainer.options import Quantization

PROGRAM = """
import sys
from pathlib import Path
from trainer.lean_imports import import_lean

import_lean()
import torch
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.loading import load
from trainer.llm.scoring import row_losses

llm = load({folder!r}, device="cpu", quantization={quantization!r}, cache_dir=Path("."))
decode(llm, [Row(None, llm.encode("Who?"), 4)])
heavy = {{"torch._dynamo.symbolic_convert", "torch.distributed.tensor", "torch._inductor", "peft", "scipy"}}
assert {quantization!r} != "none" or not heavy & set(sys.modules), sorted(heavy & set(sys.modules))

prompt = llm.embed(torch.arange(4)[None]).float().requires_grad_()
optimizer = torch.optim.AdamW([prompt])
before = prompt.detach().clone()
row_losses(llm, prompt, [llm.encode("Mira kept a lamp.")])[0].mean().backward()
optimizer.step()
assert not torch.equal(prompt, before)
assert torch.compile(lambda x: x + x, backend="eager")(torch.ones(1)) == 2
assert "torch._dynamo.symbolic_convert" in sys.modules
"""


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_an_llm_answers_without_the_compiler_and_learns_with_it(
    tmp_path: Path, quantization: Quantization
) -> None:
    from tests import tiny

    folder = str(tiny.save(tmp_path / "model", hidden_size=64))
    program = PROGRAM.format(folder=folder, quantization=quantization)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


EMBEDDED = """
import sys
from trainer.lean_imports import import_lean

import_lean()
import torch
import transformers
from trainer.embedding import SentenceEmbedder
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.loading import load

llm = load("embedded")
# Words are drawn, too, in a process that has imported nothing else.
[drawn] = decode(llm, [Row(None, llm.encode("Who?"), 4, temperature=0.7)])
assert drawn.log_likelihoods
heavy = {"torch._dynamo.symbolic_convert", "scipy", "sklearn"}
assert not heavy & set(sys.modules), sorted(heavy & set(sys.modules))
assert not hasattr(sys.modules["transformers.models"], "__all__")
from transformers.models.llama import LlamaConfig
from transformers.models import OPTConfig

assert LlamaConfig is transformers.LlamaConfig
assert OPTConfig is transformers.OPTConfig
assert transformers.models.gpt_neox.GPTNeoXConfig is transformers.GPTNeoXConfig
double = torch.compile(lambda x: torch.linalg.vector_norm(x), backend="eager")
assert double(torch.ones(4)) == 2
"""


def test_the_embedded_llm_needs_neither_the_compiler_nor_scipy_and_has_all_of_transformers() -> None:
    ran = subprocess.run([sys.executable, "-c", EMBEDDED], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
