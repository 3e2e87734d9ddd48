"""The files of an archive that is imported: which are read, and what each must be."""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from app.transfer.exporting import WITH_SKILL
from app.transfer.manifest import MANIFEST, Manifest
from trainer.methods.peft_adapters import CONFIG, PICKLE, WEIGHTS, Adapter

# 64 soft prompts of 200 virtual tokens at a hidden size of 4,096 take so many bytes, or 8 prefixes of 100.
MOST_BYTES = 1 << 28
_MOST_JSON_BYTES = 1 << 24


class ImportRefusedError(ValueError):
    """What was sent cannot become a version; `slug` names the reason, `more` has its details."""

    def __init__(self, slug: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.slug = slug
        self.more = more


def is_read(path: PurePosixPath) -> bool:
    """Whether a file of an archive is read. Folders of members with their skill are not: both can be made
    again.
    """
    if path.parent.name.endswith(WITH_SKILL):
        return False
    return path.name in (MANIFEST, CONFIG, WEIGHTS, PICKLE)


def adapter_folders(files: Mapping[PurePosixPath, bytes]) -> list[PurePosixPath]:
    """The folders that hold adapters, in the order of their names.

    ImportRefusedError: there is none, or one holds a pickle.
    """
    folders = [path.parent for path in sorted(files, key=_natural) if path.name == CONFIG]
    for path in files:
        if path.name == PICKLE:
            raise ImportRefusedError(
                "pickled-adapter",
                f"{path} is a pickle, which can hold a program: save it with safe_serialization=True.",
            )
    if not folders:
        raise ImportRefusedError("no-adapter", f"There is no {CONFIG} in it: send an adapter, or an export.")
    return folders


def read_adapter(files: Mapping[PurePosixPath, bytes], folder: PurePosixPath) -> Adapter:
    """The adapter in a folder: its configuration and weights. ImportRefusedError: a part is missing."""
    weights = files.get(folder / WEIGHTS)
    if weights is None:
        raise ImportRefusedError("bad-adapter", f"{folder} has no {WEIGHTS}.")
    config = _json(files[folder / CONFIG], f"{folder / CONFIG}", "bad-adapter")
    if not isinstance(config, dict):
        raise ImportRefusedError("bad-adapter", f"{folder / CONFIG} is no JSON object.")
    return Adapter(config, weights)


def read_manifest(data: bytes) -> Manifest:
    """Parse the manifest of an export. ImportRefusedError: it is none."""
    try:
        manifest = Manifest.model_validate(_json(data, MANIFEST, "bad-manifest"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ImportRefusedError("bad-manifest", f"{MANIFEST}: {where}: {first['msg']}.") from error
    base = manifest.version.base_model
    if not all(re.fullmatch(r"\w{1,20}", name) for name in (base.quantization, base.dtype)):
        raise ImportRefusedError("bad-manifest", f"{MANIFEST} names no quantization or dtype.")
    if not all(0 <= member.seed < 2**63 for member in manifest.version.members):
        raise ImportRefusedError("bad-manifest", f"{MANIFEST} has a seed that is none.")
    return manifest


def _json(data: bytes, name: str, slug: str) -> Any:
    """Parse JSON that a database can keep: all numbers finite, no surrogate alone. ImportRefusedError: it is
    none.
    """
    if len(data) > _MOST_JSON_BYTES:
        raise ImportRefusedError(slug, f"{name} has more than {_MOST_JSON_BYTES:,} bytes.")
    try:
        found = json.loads(data)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ImportRefusedError(slug, f"{name} is no JSON that can be kept: {error}.") from error
    return found


def _natural(path: PurePosixPath) -> list[tuple[int, str]]:
    """A sort key that puts member-10 after member-2."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]
