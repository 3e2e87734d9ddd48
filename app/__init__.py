"""The service: HTTP, command line, the engine that owns the LLM, and answering. It imports the other two."""
