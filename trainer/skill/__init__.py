"""The skill: how to answer from a passage, learned once for an LLM."""
