"""The files of an archive that is imported: which are read, and what each must be."""

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import PurePosixPath

from app.transfer.manifest import MANIFEST
from app.transfer.model_card import SKILL, WITH_SKILL
from app.transfer.refusal import ImportRefusedError, read_json
from trainer.methods.peft_adapters import CONFIG, PICKLE, WEIGHTS, Adapter

# 64 soft prompts of 200 virtual tokens at a hidden size of 4,096 take so many bytes, or 8 prefixes of 100.
MOST_IMPORT_BYTES = 1 << 28
MOST_IMPORT_FILES = 1000


def is_read(path: PurePosixPath) -> bool:
    """Whether a file of an archive is read. The skill and the folders of members with it are not: they can be
    made again.
    """
    if path.parent.name == SKILL or path.parent.name.endswith(WITH_SKILL):
        return False
    return path.name in (MANIFEST, CONFIG, WEIGHTS, PICKLE)


def of_one_import(files: Mapping[PurePosixPath, bytes]) -> dict[PurePosixPath, bytes]:
    """The files that are read where an archive holds more: those of its folder itself, not of folders below.

    An export is its manifest and the members beside it, an adapter its own files; what else lies below them,
    such as checkpoints, is another matter. Several adapters lie side by side. Whatever all of it lies in is
    the folder that was packed. ImportRefusedError: several exports lie side by side.
    """
    root = _root(files)
    names = {path.name for path in files if path.parent == root}
    if MANIFEST in names:
        return {path: data for path, data in files.items() if path.parent == root or _is_member(path, root)}
    if CONFIG in names:
        return {path: data for path, data in files.items() if path.parent == root}
    beside = {path: data for path, data in files.items() if path.parent.parent == root}
    exports = sorted(str(path.parent) for path in beside if path.name == MANIFEST)
    if exports:
        detail = f"It holds exports in folders of their own: send one of {', '.join(exports)}."
        raise ImportRefusedError("several-exports", detail)
    return beside


def _root(files: Iterable[PurePosixPath]) -> PurePosixPath:
    """The deepest folder that all files are in, as far as its own files say nothing."""
    folders = [path.parent for path in files]
    shared = [set(parts) for parts in zip(*(folder.parts for folder in folders), strict=False)]
    deepest = [parts.pop() for parts in takewhile(lambda each: len(each) == 1, shared)]
    return PurePosixPath(*deepest)


def _is_member(path: PurePosixPath, root: PurePosixPath) -> bool:
    return path.parent.parent == root and re.fullmatch(r"member-\d+", path.parent.name) is not None


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
    config = read_json(files[folder / CONFIG], f"{folder / CONFIG}", "bad-adapter")
    if not isinstance(config, dict):
        raise ImportRefusedError("bad-adapter", f"{folder / CONFIG} is no JSON object.")
    return Adapter(config, weights)


def _natural(path: PurePosixPath) -> list[tuple[int, str]]:
    """A sort key that puts member-10 after member-2."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]
