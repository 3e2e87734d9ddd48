"""The frozen LLM: loading it, reading texts into contexts, decoding answers, computing losses."""
