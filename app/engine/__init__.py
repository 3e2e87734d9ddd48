"""The LLM at work: one thread that owns it, and what is kept of members and passages."""
