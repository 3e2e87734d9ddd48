"""Why the engine gives no answer, and runs no piece of training."""


class EngineClosedError(Exception):
    """The service is shutting down."""


class UnwantedError(Exception):
    """Nobody waits for an answer any more."""
