"""What a frozen LLM costs on this machine, beside a loop that people would write with PEFT alone."""
