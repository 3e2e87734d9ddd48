"""A version on its way out: for each member the files that PEFT loads, a card, and all the registry knows."""

import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from app.engine.engine import Engine
from app.schemas import ExportedBook, ExportedSkill, Manifest, PromptVersion
from app.transfer.model_card import card
from store import artifacts, books, skills, versions
from store.tables import Version
from trainer.llm.frozen_llm import Identity
from trainer.methods.dispatch import member_from_bytes
from trainer.methods.peft_adapters import CONFIG, WEIGHTS, Adapter, adapter_with_skill, member_adapter
from trainer.recipe import method_of
from trainer.skill.skill import skill_from_bytes

MANIFEST = "version.json"
CARD = "README.md"
# What can be made again from a member and its skill prompt: an import leaves it out.
WITH_SKILL = "-with-skill"


@dataclass(frozen=True)
class Export:
    """A version's members, what is known of it, and the bytes of its skill prompt, where it has one and the
    LLM that is loaded is the version's, as `fits` says.
    """

    manifest: Manifest
    members: list[bytes]
    skill: bytes | None
    fits: bool

    @property
    def name(self) -> str:
        """What an archive of it is called."""
        return f"{self.manifest.book.id}-{self.manifest.version.number}.zip"

    def files(self, engine: Engine) -> Iterator[tuple[str, bytes]]:
        """Each file with its path. What the LLM has to read is read on the engine's thread, when it is its
        turn.

        Raises EngineClosedError, and FormatError for a member that is none.
        """
        yield MANIFEST, (self.manifest.model_dump_json(indent=1) + "\n").encode()
        llm = engine.llm if self.fits else None
        method = method_of(self.manifest.version.recipe)
        context = None
        if self.skill is not None:
            skill = skill_from_bytes(self.skill)
            context = engine.first(lambda: skill.context(engine.llm)).result()
        for number, artifact in enumerate(self.members):
            folder = f"member-{number}"
            context = None
            if context is not None:
                member = member_from_bytes(method, artifact, engine.llm)
                context = engine.first(partial(adapter_with_skill, engine.llm, context, member)).result()
            beside = None if context is None else folder + WITH_SKILL
            told = card(self.manifest, number, folder, method, engine.llm, beside)
            yield from _folder(folder, member_adapter(method, artifact, self._identity, llm), told)
            if context is not None and beside is not None:
                told = card(self.manifest, number, beside, "with skill", engine.llm)
                yield from _folder(beside, context, told)

    @property
    def _identity(self) -> Identity:
        base = self.manifest.version.base_model
        return Identity(base.id, base.revision or "", base.hidden_size, base.quantization, base.dtype)


def gather(session: Session, version: Version, shown: PromptVersion, *, fits: bool) -> Export:
    """All that an export of `version` takes; `shown` is what the API says of it, `fits` whether it was
    learned on the LLM that is loaded.

    Raises DamagedArtifactError when a member or the skill prompt is not what was published, and NotFoundError
    for the bytes of a version that was pruned.
    """
    book = books.get(session, version.book_id)
    revision = next(
        each for each in books.revisions(session, version.book_id) if each.number == version.revision
    )
    skill = None if version.skill_id is None else skills.get(session, version.skill_id)
    manifest = Manifest(
        made_with=importlib.metadata.version("bookchorus"),
        version=shown,
        metrics=[member.metrics for member in version.members],
        book=ExportedBook(
            id=book.id,
            title=book.title,
            author=book.author,
            language=book.language,
            sha256=revision.sha256,
        ),
        skill=None
        if skill is None
        else ExportedSkill(id=skill.id, number=skill.number, sha256=skill.artifact_sha256),
    )
    context = artifacts.get(session, skill.artifact_sha256) if skill is not None and fits else None
    return Export(manifest, versions.members(session, version), context, fits)


def _folder(name: str, adapter: Adapter, told: str) -> Iterator[tuple[str, bytes]]:
    yield f"{name}/{CONFIG}", (json.dumps(adapter.config, indent=1) + "\n").encode()
    yield f"{name}/{WEIGHTS}", adapter.weights
    yield f"{name}/{CARD}", told.encode()
