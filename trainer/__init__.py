"""The frozen LLM and what is learned on it. Text in, tensors out: no SQL, no HTTP."""
