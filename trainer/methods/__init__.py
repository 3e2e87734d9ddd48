"""What a member is: soft prompts, KV prefixes or LoRA; kept, compared, exchanged with PEFT."""
