"""The frozen LLM: loaded, read into, decoded from; nothing here learns."""
