"""What a frozen LLM costs on this machine, and beside it what people would write with PEFT alone."""
