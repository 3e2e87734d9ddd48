"""Exports, imports and inspections of versions as Python calls."""

import tempfile
import zipfile
from pathlib import Path
from typing import IO

from app.client.connection import ClientError, Connection, api_path
from app.schemas import Inspection, PromptVersion

# The files that an import reads. The skill, and members with it, are far larger than members and can be made
# again.
_MANIFEST, _CONFIG = "version.json", "adapter_config.json"
_IMPORTED = (_MANIFEST, _CONFIG, "adapter_model.safetensors", "adapter_model.bin")
_SKILL, _WITH_SKILL = "skill", "-with-skill"


class Transfer:
    """Calls that take versions to folders and back, as `client.transfer`; each raises ClientError as `Client`
    does.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def export(self, book: str, version: str, folder: Path, *, force: bool = False) -> list[Path]:
        """Write a version, by its number or an alias, into `folder`, and return the files' paths.

        A folder that is not empty is refused, unless `force`: then files of the same names are replaced.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
            raise ClientError(f"{folder} is not empty: name another folder, or use --force.")
        try:
            # The whole download comes first: one that breaks leaves no half of an export in the folder.
            with tempfile.TemporaryFile() as file:
                for chunk in self._connection.chunks("GET", _version_path(book, version, "export")):
                    file.write(chunk)
                with zipfile.ZipFile(file) as archive:
                    archive.extractall(folder)
                    return [folder / name for name in archive.namelist()]
        except zipfile.BadZipFile as error:
            raise ClientError("The export broke off: the service's log says why. Try again.") from error
        except OSError as error:
            raise ClientError(f"Cannot write to {folder}: {error.strerror}.") from error

    def import_(
        self, book: str, folder: Path, *, promote: bool = False, force: bool = False
    ) -> PromptVersion:
        """Make a folder the next version of a book: an export, an adapter that PEFT trained, or the folder
        that several are in. What lies deeper, such as checkpoints of an adapter, is not read.

        With `promote` it becomes the champion; with `force` it may be of an LLM of another name.
        """
        files = _imported(folder)
        if not any(file.name in (_MANIFEST, _CONFIG) for file in files):
            raise ClientError(f"{folder} holds no adapter: there is no adapter_config.json in it.")
        with tempfile.TemporaryFile() as archive:
            try:
                _write_zip(archive, folder, files)
            except OSError as error:
                raise ClientError(f"Cannot read {folder}: {error.strerror}.") from error
            return self._connection.call(
                PromptVersion,
                "POST",
                _version_path(book, "import"),
                params={"promote": str(promote).lower(), "force": str(force).lower()},
                headers={"Content-Type": "application/zip"},
                content=archive,
            )

    def inspect(self, book: str, version: str) -> Inspection:
        """Look at the members of a version, by its number or an alias."""
        return self._connection.call(Inspection, "GET", _version_path(book, version, "inspect"))


def _version_path(book: str, *parts: str) -> str:
    return api_path("admin", "books", book, "versions", *parts)


def _imported(folder: Path) -> list[Path]:
    """The files of a folder that are sent: an adapter's own, else those of the folders in it.

    ClientError: exports are in it, one of which is to be named.
    """
    own = _files(folder, "*")
    below = [file for file in _files(folder, "*/*") if not _is_skill(file.parent.name)]
    names = {file.name for file in own}
    if _MANIFEST not in names:
        if _CONFIG in names:
            return own
        exports = [str(file.parent) for file in below if file.name == _MANIFEST]
        if exports:
            raise ClientError(f"{folder} is no export: name the one that is meant, {' or '.join(exports)}.")
    return own + below


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(file for file in folder.glob(pattern) if file.name in _IMPORTED and file.is_file())


def _is_skill(folder: str) -> bool:
    return folder == _SKILL or folder.endswith(_WITH_SKILL)


def _write_zip(archive: IO[bytes], folder: Path, files: list[Path]) -> None:
    """Write files of a folder into an archive, uncompressed: learned numbers hardly get smaller."""
    with zipfile.ZipFile(archive, "w", strict_timestamps=False) as writer:
        for file in files:
            name = file.relative_to(folder).as_posix()
            if file.suffix == ".bin":
                # The service refuses a pickle by its name, so what it holds need not be sent.
                writer.writestr(name, b"")
            else:
                writer.write(file, name)
    archive.seek(0)
