"""The moment between two pieces of work on the LLM."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pause:
    """Nothing to report: a moment between two pieces of work, when others may use the LLM."""
