"""A real but tiny LLM: two random layers of a family, and a tokenizer with its kind of control tokens."""

import json
import string
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPTNeoXConfig,
    LlamaConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

STORY = """# The Lamp of Ost

## One

Mira kept a green lamp in the tower of Ost. Every night at nine she lit it with a silver match. The
fishermen called the lamp Old Patience, and they steered home by it.

## Two

One winter the lamp went dark. Mira climbed down to the harbour and asked the baker for butter. Butter burns
slowly, said the baker, and it smells of breakfast. So the lamp burned butter until spring, and the fishermen
came home hungry.
"""

Family = Literal["llama", "qwen3", "opt", "gpt_neox", "t5", "flan_t5"]

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save(
    folder: Path,
    hidden_size: int = 32,
    family: Family = "llama",
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> Path:
    """Make a model of a family, always with the same weights, and save it to `folder`.

    A decoder may have another `tokenizer` than the family's.
    """
    torch.manual_seed(0)
    if family in ("t5", "flan_t5"):
        _save_t5(folder, hidden_size, tied=family == "t5")
        return folder
    tokenizer = tokenizer or _byte_pairs()
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_config(_config(family, len(tokenizer), hidden_size))
    # Random weights this small say the same of every token: louder ones have preferences to learn against.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4)
    model.save_pretrained(folder)
    return folder


def _byte_pairs() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([STORY], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>", bos_token="<|im_start|>"
    )
    fast.chat_template = TEMPLATE
    return fast


def _words() -> T5Tokenizer:
    """T5's: words and pieces without line ends, control tokens and sentinels among them, no template."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        initial_alphabet=list(string.printable.strip()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([STORY], trainer)
    vocabulary = [tuple(piece) for piece in json.loads(tokenizer.to_str())["model"]["vocab"]]
    # The trainer's order is another in every process.
    vocabulary[3:] = sorted(vocabulary[3:])
    sentinels = [(f"<extra_id_{number}>", 0.0) for number in reversed(range(10))]
    return T5Tokenizer(vocab=[*vocabulary, *sentinels], extra_ids=len(sentinels))


def _save_t5(folder: Path, hidden_size: int, *, tied: bool) -> None:
    """T5 1.0, whose head is its embeddings; or T5 1.1, which Flan-T5 is, with a head of its own."""
    tokenizer = _words()
    tokenizer.save_pretrained(folder)
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "d_model": hidden_size,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
        "feed_forward_proj": "relu" if tied else "gated-gelu",
        "tie_word_embeddings": tied,
        "n_positions": 512,
        "decoder_start_token_id": 0,
    }
    model = T5ForConditionalGeneration(T5Config(**settings))
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    model.save_pretrained(folder)
    # What is published says so; transformers writes something else.
    file = folder / "config.json"
    published = json.loads(file.read_text()) | {"tie_word_embeddings": tied}
    published.pop("scale_decoder_outputs")
    file.write_text(json.dumps(published))


def _config(family: Family, vocab_size: int, hidden_size: int) -> PreTrainedConfig:
    same: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": hidden_size,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 1024,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    if family == "opt":
        # As OPT-350m has it: the embeddings' size is not the layers'.
        return OPTConfig(**same, ffn_dim=64, word_embed_proj_dim=hidden_size // 2, dropout=0.0)
    if family == "gpt_neox":
        return GPTNeoXConfig(**same, intermediate_size=64, tie_word_embeddings=False)
    grouped = {**same, "num_key_value_heads": 2, "intermediate_size": 64, "tie_word_embeddings": True}
    return Qwen3Config(**grouped, head_dim=8) if family == "qwen3" else LlamaConfig(**grouped)
