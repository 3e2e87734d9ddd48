"""Exports: for each member of a version the files that PEFT loads, a model card, and the manifest.

A skill that is a LoRA has such files, too.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from app.engine.member_cache import MemberCache
from app.engine.runner import Runner
from app.engine.version_skill import version_skill
from app.transfer.manifest import MANIFEST, Manifest, manifest
from app.transfer.model_card import SKILL, WITH_SKILL, Behind, Kind, model_card
from app.transfer.skill_card import skill_card
from store import versions
from store.tables import Version
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.methods.dispatch import member_from_bytes
from trainer.methods.peft_adapters import (
    CONFIG,
    WEIGHTS,
    Adapter,
    adapter_with_skill,
    lora_adapter,
    member_adapter,
)
from trainer.recipe import method_of, placement_of
from trainer.skill.skill import LoraSkill, Skill

CARD = "README.md"


@dataclass(frozen=True)
class Export:
    """The bytes of a version's members, and what is known of the version.

    `skill` gives what the version was learned behind. It is None where that cannot be had, and where the LLM
    that is loaded is not the version's, as `fits` says.
    """

    manifest: Manifest
    members: list[bytes]
    skill: Callable[[FrozenLLM], Skill] | None
    fits: bool

    @property
    def name(self) -> str:
        """The file name of an archive of it."""
        return f"{self.manifest.book.id}-{self.manifest.version.number}.zip"

    def files(self, runner: Runner) -> Iterator[tuple[str, bytes]]:
        """Each file with its path. What the LLM has to compute, the runner runs.

        Raises EngineClosedError, and FormatError for a member that is none.
        """
        yield MANIFEST, (self.manifest.model_dump_json(indent=1) + "\n").encode()
        llm = runner.llm if self.fits else None
        method = method_of(self.manifest.version.recipe)
        # PEFT has members in front alone: what the LLM keeps of a skill with one behind is no adapter.
        in_front = placement_of(self.manifest.version.recipe) == "front"
        context, deltas, behind = None, None, None
        if self.skill is not None:
            skill, context = runner.run_now(partial(_read, self.skill, runner.llm))
            behind = Behind(isinstance(skill, LoraSkill), context is not None)
            if isinstance(skill, LoraSkill):
                deltas = skill.tensors
                card = skill_card(self.manifest, method, runner.llm, behind)
                yield from _folder(SKILL, lora_adapter(deltas, self._identity, llm), card)
        for number, artifact in enumerate(self.members):
            folder = f"member-{number}"
            both = None
            if context is not None and in_front:
                member = member_from_bytes(method, artifact, runner.llm)
                both = runner.run_now(partial(adapter_with_skill, runner.llm, context, member, deltas))
            card = model_card(self.manifest, number, method, runner.llm, behind)
            yield from _folder(folder, member_adapter(method, artifact, self._identity, llm), card)
            if both is not None:
                kind: Kind = "lora with skill" if method == "lora" else "with skill"
                card = model_card(self.manifest, number, kind, runner.llm, behind)
                yield from _folder(folder + WITH_SKILL, both, card)

    @property
    def _identity(self) -> Identity:
        base = self.manifest.version.base_model
        return Identity(base.id, base.revision or "", base.hidden_size, base.quantization, base.dtype)


def export(session: Session, version: Version, members: MemberCache) -> Export:
    """All that an export of a version takes.

    Raises DamagedArtifactError when a member or the skill is not what was published, and NotFoundError for
    the bytes of a version that was pruned.
    """
    refused = members.refusal(version)
    return Export(
        manifest(session, version, refused),
        versions.member_artifacts(session, version),
        version_skill(session, version) if refused is None else None,
        refused is None,
    )


def _read(skill: Callable[[FrozenLLM], Skill], llm: FrozenLLM) -> tuple[Skill, Context | None]:
    """The skill, and its context where the LLM is equipped with it: on another LLM that means nothing."""
    found = skill(llm)
    return found, found.context(llm) if found.is_in_force(llm) else None


def _folder(name: str, adapter: Adapter, card: str) -> Iterator[tuple[str, bytes]]:
    yield f"{name}/{CONFIG}", (json.dumps(adapter.config, indent=1) + "\n").encode()
    yield f"{name}/{WEIGHTS}", adapter.weights
    yield f"{name}/{CARD}", card.encode()
