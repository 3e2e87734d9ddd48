"""Whether the skill that a process has taken up is still the one that was chosen."""

from typing import TYPE_CHECKING

from app.errors import CommandError
from store import skills
from store.database import Database
from store.errors import StoreError

if TYPE_CHECKING:
    from trainer.llm.frozen_llm import Identity


class SkillChoice:
    """The skill that was taken up for an LLM, by its id in the registry, None for the instruction."""

    def __init__(self, database: Database, llm: "Identity", taken: str | None) -> None:
        self._database = database
        self._llm = llm
        self._taken = taken

    def expect(self) -> None:
        """Raise CommandError once another is chosen. A database that is away does not say so."""
        try:
            with self._database.read() as session:
                chosen = skills.champion(session, self._llm.id, self._llm.revision)
        except StoreError:
            return
        if (None if chosen is None else chosen.id) != self._taken:
            raise CommandError("Another skill was chosen since this process began.")
