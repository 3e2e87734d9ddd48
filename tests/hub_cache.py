"""The cache of the Hugging Face hub's library, filled as the library does it."""

from pathlib import Path
from shutil import copytree


def keep(cache: Path, model: str, commit: str, folder: Path) -> None:
    """Put the files of a folder into a cache as this commit, the newest, of the model with this hub id."""
    kept = cache / f"models--{model.replace('/', '--')}"
    copytree(folder, kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
