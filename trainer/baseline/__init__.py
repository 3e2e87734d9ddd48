"""What we measure ourselves by: PEFT alone, on LLMs of published shapes."""
