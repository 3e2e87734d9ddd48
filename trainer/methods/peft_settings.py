"""The settings of PEFT's adapters: which of them leave an adapter the method that it is here."""

from collections.abc import Mapping
from reprlib import repr  # noqa: A004 - a value may be of any length
from typing import Any

from trainer.methods.tensors import FormatError
from trainer.options import Method

# Settings that say what the adapter is, how its weights began or which of them there are. The code that reads
# the weights checks those that it needs.
_OF_ALL = {
    "peft_type",
    "task_type",
    "auto_mapping",
    "peft_version",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
}
_OF_VIRTUAL_TOKENS = _OF_ALL | {
    "num_virtual_tokens",
    "token_dim",
    "num_transformer_submodules",
    "num_attention_heads",
    "num_layers",
}
_READ: Mapping[Method, set[str]] = {
    "prompt": _OF_VIRTUAL_TOKENS
    | {"prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs"},
    "prefix": _OF_VIRTUAL_TOKENS | {"init_weights", "encoder_hidden_size", "num_frozen_tokens"},
    "lora": _OF_ALL
    | {
        "r",
        "lora_alpha",
        "use_rslora",
        "lora_dropout",
        "target_modules",
        "exclude_modules",
        "layers_to_transform",
        "layers_pattern",
        # How A and B began, for the starts of these names alone, and sizes for a method that is off.
        "loftq_config",
        "eva_config",
        "corda_config",
        "lora_ga_config",
        "megatron_core",
        "qalora_group_size",
        # That adapters of embeddings are tied: there is none on a query or a value.
        "ensure_weight_tying",
    },
}
# Starts of LoRA's A and B that leave the LLM's own weights alone. PEFT subtracts from these what `pissa`,
# `olora`, `corda` and `lora_ga` begin with, and rounds them for `loftq`.
_STARTS_BESIDE_THE_LLM = ("true", "false", "none", "gaussian", "orthogonal", "eva", "mica")


class UnsupportedSettingError(FormatError):
    """An adapter has a setting by which its weights mean something else than they do here."""


def check_settings(method: Method, config: Mapping[str, Any]) -> None:
    """Refuse what is not the method alone, by an adapter's adapter_config.json.

    A setting that is not known here may only be off: null, false, 0 or empty. UnsupportedSettingError names
    the first that is on, or a start of LoRA for which PEFT changes the LLM's own weights, or may.
    """
    for name, value in config.items():
        if name == "init_lora_weights" and method == "lora":
            if str(value).lower() not in _STARTS_BESIDE_THE_LLM:
                raise UnsupportedSettingError(
                    f"its init_lora_weights is {repr(value)}: A and B that began so are not known to belong "
                    "to the LLM's own weights. PEFT's save_pretrained makes plain LoRA of most with "
                    "path_initial_model_for_weight_conversion"
                )
        elif name not in _READ[method] and value and (name, value) != ("bias", "none"):
            raise UnsupportedSettingError(
                f"its {name} is {repr(value)}: the method {method} is without that, and without any setting "
                "that is not known"
            )
