"""Loss of an answer behind a member: here, and behind its adapters in a process that knows PEFT alone.

    python -m tests.benchmarks.peft_export

The member is the first start that comes with the embedded LLM's skill; weights are float32.
"""

import tempfile
from importlib import resources
from pathlib import Path

from app.answering.skill import shipped_skill
from app.settings import Settings
from tests.trainer.methods.test_peft_adapters import elsewhere, save
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.embedded import embedded_folder
from trainer.llm.loading import load
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.methods.peft_adapters import adapter_with_skill, member_adapter
from trainer.methods.prompt import Prompts, prompt_to_bytes

QUESTION, ANSWER = "Who stole the Wren from the tide engine?", "Bartle Oon"


def main() -> None:
    """Print the two losses behind each of the two adapters, in nats per token."""
    cache = Settings().cache_dir
    llm = load(dtype="float32", device="cpu", quantization="none", cache_dir=cache)
    found = shipped_skill(llm.identity)
    assert found is not None
    assert found.skill.starts is not None
    skill, member = found.skill.context(llm), found.skill.starts[0]
    story = (resources.files("app") / "sample" / "the_tidewright.md").read_text(encoding="utf-8")
    passage = templates.passages(llm, [story[-1500:].strip()])
    turn, answer = templates.question(llm, QUESTION), templates.answer(llm, ANSWER)
    behind = adapter_with_skill(llm, skill, Prompts(member[None]))
    assert behind is not None
    with tempfile.TemporaryDirectory() as scratch:
        saved = [
            save(
                Path(scratch) / "member", member_adapter("prompt", prompt_to_bytes(member), llm.identity, llm)
            ),
            save(Path(scratch) / "member-with-skill", behind),
        ]
        there = elsewhere(str(embedded_folder(cache)), saved, [*passage, *turn], answer)
    for folder, context, (loss, _) in zip(saved, (None, skill), there, strict=True):
        # As the service: what the member has read is read once, then the question.
        [alone] = prefill(llm, [passage], context, [member])
        [[here]] = pack_losses(llm, [Pack([Exchange(turn, answer)], context=alone)])
        print(f"{Path(folder).name}: {float(here.mean()):.5f} here, {loss:.5f} behind plain PEFT")


if __name__ == "__main__":
    main()
