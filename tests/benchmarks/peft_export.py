"""Loss of an answer behind the skill: here, and behind its adapter in a process that knows PEFT alone.

    python -m tests.benchmarks.peft_export

The skill is the LoRA that comes with the embedded LLM, folded into its weights here; weights are float32.
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
from trainer.methods.peft_adapters import lora_adapter

QUESTION, ANSWER = "Who stole the Wren from the tide engine?", "Bartle Oon"


def main() -> None:
    """Print the two losses, in nats per token."""
    cache = Settings().cache_dir
    llm = load(dtype="float32", device="cpu", quantization="none", cache_dir=cache)
    found = shipped_skill(llm.identity.id)
    assert found is not None
    found.skill.equip(llm)
    story = (resources.files("app") / "sample" / "the_tidewright.md").read_text(encoding="utf-8")
    passage = templates.passages(llm, [story[-1500:].strip()])
    turn, answer = templates.question(llm, QUESTION), templates.answer(llm, ANSWER)
    with tempfile.TemporaryDirectory() as scratch:
        saved = save(Path(scratch) / "skill", lora_adapter(found.skill.tensors, llm.identity, llm))
        text = [*templates.turn_start(llm), *passage, *turn]
        [(loss, _)] = elsewhere(str(embedded_folder(cache)), [saved], text, answer)
    # As the service: the passage is read once, then the question.
    [read] = prefill(llm, [passage], found.skill.context(llm))
    [[here]] = pack_losses(llm, [Pack([Exchange(turn, answer)], context=read)])
    print(f"{float(here.mean()):.5f} here, {loss:.5f} behind plain PEFT")


if __name__ == "__main__":
    main()
