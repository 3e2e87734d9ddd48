"""Versions that leave and come back as folders, and what their members are like."""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from app.client.connection import ClientError, Connection
from app.schemas import Inspection, PromptVersion
from app.transfer.zip_archive import packed

# What an import reads. The prefixes of [skill][member] are far larger than members, and can be made again.
_READ = ("version.json", "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_LEFT_OUT = "-with-skill"


class Adapters:
    """Calls that take the versions of books to folders and back; each raises ClientError as `Client` does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def export(self, book: str, version: str, folder: Path, *, force: bool = False) -> list[Path]:
        """Write a version, by its number or an alias, into `folder`, and return the files' paths.

        A folder that is not empty is refused, unless `force`: then files of the same names are replaced.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
            raise ClientError(f"{folder} is not empty: name another folder, or use --force.")
        try:
            # Whole before anything is unpacked: a download that breaks leaves no half of an export.
            with tempfile.TemporaryFile() as file:
                for chunk in self._connection.chunks("GET", _path(book, version, "export")):
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
        """Make a folder the next version of a book: an export, an adapter that PEFT trained, or several.

        With `promote` it becomes the champion; with `force` it may be of an LLM of another name.
        """
        names = sorted(path for path in folder.rglob("*") if path.is_file() and _read(path))
        if not names:
            raise ClientError(f"{folder} holds no adapter: there is no adapter_config.json in it.")
        wishes = {"promote": str(promote).lower(), "force": str(force).lower()}
        return self._connection.call(
            PromptVersion,
            "POST",
            f"/admin/books/{quote(book, safe='')}/versions/import",
            params=wishes,
            headers={"Content-Type": "application/zip"},
            content=packed(_files(folder, names)),
        )

    def inspect(self, book: str, version: str) -> Inspection:
        """What the soft prompts of a version are like."""
        return self._connection.call(Inspection, "GET", _path(book, version, "inspect"))


def _path(book: str, version: str, what: str) -> str:
    return f"/admin/books/{quote(book, safe='')}/versions/{quote(version, safe='')}/{what}"


def _read(path: Path) -> bool:
    return path.name in _READ and not path.parent.name.endswith(_LEFT_OUT)


def _files(folder: Path, names: list[Path]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        # What a pickle holds does not matter: it is refused by its name.
        data = b"" if name.suffix == ".bin" else name.read_bytes()
        yield name.relative_to(folder).as_posix(), data
