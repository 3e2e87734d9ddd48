"""What a member is, by each method: soft prompt, KV prefix or LoRA; stored, compared, exchanged with PEFT."""
