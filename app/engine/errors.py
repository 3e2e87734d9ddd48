"""Why the engine gives no answer, and runs no piece of training."""


class EngineClosedError(Exception):
    """The service is shutting down."""


class EngineUnreachableError(Exception):
    """No process with the LLM takes a question now; trying again later may work."""


class UnwantedError(Exception):
    """Nobody waits for an answer any more."""
