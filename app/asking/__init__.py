"""The asker: the skill that an LLM writes questions by, where it has learned one."""
