"""The skill: how to answer from passages, learned once for an LLM, on no book of the library."""
