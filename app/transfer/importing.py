"""Imports: versions that this or another library exported, or adapters that PEFT trained."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy.orm import Session

from app.engine.runner import Runner
from app.transfer.import_files import adapter_folders, of_one_import, read_adapter
from app.transfer.manifest import MANIFEST, Manifest, read_manifest
from app.transfer.refusal import ImportRefusedError
from store import books, revisions, skills, versions
from store.aliases import CHAMPION
from store.tables import Version
from store.versions import NewMember
from trainer.llm.availability import EMBEDDED
from trainer.llm.embedded import folder_name
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.lora import Loras
from trainer.methods.members import Members, join_members
from trainer.methods.peft_adapters import WEIGHTS, Adapter, member_from_adapter
from trainer.methods.peft_settings import UnsupportedSettingError
from trainer.methods.soundness import unsound
from trainer.methods.tensors import FormatError

_MOST_MEMBERS = 64


@dataclass(frozen=True)
class Import:
    """A version that can be published: its members, and what is known of their learning.

    `text` and `skill` are the SHA-256 of what they learned from and behind, None where that is not known.
    """

    members: list[NewMember]
    recipe: dict[str, Any]
    quantization: str
    dtype: str
    metrics: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    skill: str | None = None


def parse_import(files: Mapping[PurePosixPath, bytes], runner: Runner, *, force: bool = False) -> Import:
    """What the files of an archive are: an export, or one or more folders that PEFT wrote, in the order of
    their names. Of folders below these nothing is read.

    The `runner` has its LLM read with each member. With `force` members of an LLM with another name or
    revision are taken as this one's. Raises ImportRefusedError for anything else than whole members of one
    method and shape that fit the LLM, and EngineClosedError.
    """
    files = of_one_import(files)
    folders = adapter_folders(files)
    if len(folders) > _MOST_MEMBERS:
        raise ImportRefusedError("bad-adapter", f"It has more than {_MOST_MEMBERS} adapters.")
    adapters = {folder: read_adapter(files, folder) for folder in folders}
    manifest = next((path for path in files if path.name == MANIFEST), None)
    if manifest is not None:
        return _exported(read_manifest(files[manifest]), adapters, manifest.parent, runner, force=force)
    return _trained(adapters, runner, force=force)


def publish_imported(
    session: Session, book_id: str, found: Import, llm: FrozenLLM, *, promote: bool, who: str
) -> Version:
    """Publish what was read as the next version of a book: `latest`, and `champion` where it is to `promote`
    or the book has none.

    It has no gate and no parent. Raises NotFoundError when there is no such book.
    """
    book = books.get(session, book_id)
    of_text = (
        each.number for each in revisions.list_revisions(session, book_id) if each.sha256 == found.text
    )
    base = asdict(llm.identity)
    skill = None
    if found.skill is not None:
        skill = skills.find(session, base["id"], base["revision"], found.skill)
    return versions.publish(
        session,
        book_id=book_id,
        members=found.members,
        recipe=found.recipe,
        base_model={**base, "quantization": found.quantization, "dtype": found.dtype},
        metrics=found.metrics,
        parent=None,
        job_id=None,
        who=who,
        skill_id=None if skill is None else skill.id,
        revision=next(of_text, None),
        libraries=found.libraries,
        data=found.data,
        promote=promote or CHAMPION not in book.aliases,
    )


def _exported(
    manifest: Manifest,
    adapters: Mapping[PurePosixPath, Adapter],
    root: PurePosixPath,
    runner: Runner,
    *,
    force: bool,
) -> Import:
    """An export of ours whose manifest is in the folder `root`."""
    version = manifest.version
    _check_llm(runner.llm, version.base_model.id, version.base_model.revision, force=force)
    named = {f"member-{number}": root / f"member-{number}" for number in range(len(version.members))}
    missing = [name for name, folder in named.items() if folder not in adapters]
    if missing or not named or len(manifest.metrics) != len(named):
        detail = f"{MANIFEST} does not fit the folders beside it: {', '.join(missing) or 'members'} missing."
        raise ImportRefusedError("bad-manifest", detail)
    own = {name: adapters[folder] for name, folder in named.items()}
    _members(own, runner)
    for member, (name, adapter) in zip(version.members, own.items(), strict=True):
        if sha256(adapter.weights).hexdigest() != member.sha256:
            raise ImportRefusedError("bad-adapter", f"{name}/{WEIGHTS} is not what was exported.")
    return Import(
        members=[
            NewMember(
                adapter.weights,
                member.seed,
                metrics | member.model_dump(include={"loss_before", "loss_after"}),
            )
            for adapter, member, metrics in zip(own.values(), version.members, manifest.metrics, strict=True)
        ],
        recipe={**version.recipe, "imported": _provenance(manifest)},
        quantization=version.base_model.quantization,
        dtype=version.base_model.dtype,
        metrics=version.metrics,
        libraries=version.libraries,
        data=version.data,
        text=manifest.book.sha256,
        skill=None if manifest.skill is None else manifest.skill.sha256,
    )


def _provenance(manifest: Manifest) -> dict[str, Any]:
    """Where an export comes from, and where that was imported from before."""
    version = manifest.version
    return {
        "from": "bookchorus",
        **version.model_dump(include={"id", "number", "parent", "created_at", "base_model"}),
        **manifest.model_dump(include={"book", "skill"}),
        "before": version.recipe.get("imported"),
    }


def _trained(adapters: Mapping[PurePosixPath, Adapter], runner: Runner, *, force: bool) -> Import:
    """Adapters that PEFT trained, each one a member; they were learned without a skill."""
    for adapter in adapters.values():
        names = ("base_model_name_or_path", "revision")
        _check_llm(runner.llm, *(_text(adapter.config, name) for name in names), force=force)
    members = _members({str(folder): adapter for folder, adapter in adapters.items()}, runner)
    size = (
        {"rank": members.rank} if isinstance(members, Loras) else {"virtual_tokens": members.virtual_tokens}
    )
    first = next(iter(adapters.values())).config
    return Import(
        members=[NewMember(artifact, seed) for seed, artifact in enumerate(members.artifacts())],
        recipe={
            "method": members.method,
            "members": len(members),
            **size,
            "imported": {
                "from": "peft",
                "folders": [folder.name for folder in adapters],
                "peft_version": _text(first, "peft_version"),
                "initialisation": _text(first, "prompt_tuning_init"),
                "base_model": _text(first, "base_model_name_or_path"),
            },
        },
        quantization=runner.llm.identity.quantization,
        dtype=runner.llm.identity.dtype,
    )


def _check_llm(llm: FrozenLLM, name: str | None, revision: str | None, *, force: bool) -> None:
    """Refuse members of another LLM. Where the revision is known it decides: a folder has other names
    elsewhere, and its revision is a digest of what is in it.
    """
    ours = llm.identity
    names = {ours.id, str(llm.model.name_or_path)}
    if ours.id == EMBEDDED:
        names |= {folder_name(ours.revision)}
        name = PurePosixPath(str(name)).name
    same = name in names if revision is None else revision == ours.revision
    if not same and not force:
        raise ImportRefusedError(
            "other-llm",
            f"It was learned on {name!r}, revision {revision!r}; this service's LLM is {ours.id!r}, revision "
            f"{ours.revision!r}. If both are one, import it with force.",
            expected={"id": ours.id, "revision": ours.revision},
            found={"id": name, "revision": revision},
        )


def _members(adapters: Mapping[str, Adapter], runner: Runner) -> Members:
    """Adapters as members, all of one method and shape, with which the LLM can compute.

    ImportRefusedError bad-adapter: they are not. adapter-unsupported: one has a setting that is not
    read here.
    """
    members: list[Members] = []
    # Behind it there must be room for a passage and an answer.
    most = runner.llm.context_tokens // 2
    for name, adapter in adapters.items():
        try:
            members.append(member_from_adapter(adapter, runner.llm))
        except UnsupportedSettingError as error:
            raise ImportRefusedError("adapter-unsupported", f"{name}: {error}.") from error
        except FormatError as error:
            raise ImportRefusedError("bad-adapter", f"{name}: {error}.") from error
        first, last = members[0], members[-1]
        if last.method != first.method:
            detail = f"{name} is of the method {last.method}: all are of one, here {first.method}."
            raise ImportRefusedError("bad-adapter", detail)
        if last.virtual_tokens != first.virtual_tokens or first.virtual_tokens > most:
            raise ImportRefusedError(
                "bad-adapter",
                f"{name} has {last.virtual_tokens} virtual tokens: all have as many, and at most {most}.",
            )
        if {key: each.shape for key, each in last.tensors.items()} != {
            key: each.shape for key, each in first.tensors.items()
        }:
            raise ImportRefusedError(
                "bad-adapter", f"{name} has other modules, or another rank, than the first."
            )
    joined = join_members(members)
    for number in runner.run_now(partial(unsound, runner.llm, joined)):
        detail = f"{list(adapters)[number]}: with it this LLM computes nothing that is finite."
        raise ImportRefusedError("bad-adapter", detail)
    return joined


def _text(config: Mapping[str, Any], name: str) -> str | None:
    """A field of a configuration, if it is text."""
    value = config.get(name)
    return value if isinstance(value, str) else None
