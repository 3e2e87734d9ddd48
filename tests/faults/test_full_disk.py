"""Fault 23: a file system that is really full, under a service that learns, is asked and is sent a book."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app.cli.child_process import Child
from app.client import Client, ClientError
from tests.faults.test_killed_training import RECIPE, until_step
from tests.tiny import STORY

# A mount that only this process and its children see, and that is gone with them; not only root may have one.
OWN_MOUNTS = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
ON_A_SMALL_DISK = [*OWN_MOUNTS, "sh", "-c", 'mount -t tmpfs -o size=32m none "$0" && exec "$@"']


@contextmanager
def service_on_a_small_disk(folder: Path, model: Path) -> Iterator[tuple[Client, Child, Path]]:
    """A service whose data are on a file system of 32 MB, and the place where this process sees that."""
    data = folder / "data"
    data.mkdir()
    try:
        subprocess.run([*ON_A_SMALL_DISK, str(data), "true"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system may be mounted here: {getattr(error, 'stderr', error)!r}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    words = ["serve", "--end-with-stdin", "--port", port, "--data-dir", str(data), "--model", str(model)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    command = [*ON_A_SMALL_DISK, str(data), sys.executable, "-m", "app.cli", *words]
    with Client(f"http://127.0.0.1:{port}") as client, Child(command, folder / "serve.log", env) as child:
        child.wait_ready(client)
        yield client, child, Path(f"/proc/{child._process.pid}/root{data}")


def fill(disk: Path) -> Path:
    """A file that leaves no byte."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def files(disk: Path) -> set[str]:
    return {str(path.relative_to(disk)) for path in disk.rglob("*") if path.is_file()}


def test_23_a_full_disk_refuses_a_book_and_fails_a_job_and_the_champion_stays(
    tmp_path: Path, tiny_folder: Path
) -> None:
    with service_on_a_small_disk(tmp_path, tiny_folder) as (client, child, disk):
        added = client.add(STORY, title="Lamp", recipe={**RECIPE, "budget_tokens": 500})
        assert added.job is not None
        assert list(client.follow(added.job.id))[-1].data["kind"] == "succeeded"
        job = client.train(added.book.id, recipe={**RECIPE, "budget_tokens": 10_000_000}, force=True).id
        until_step(client, job, 2)
        before = files(disk)
        ballast = fill(disk)
        # The job ends, and not even that can be written.
        while "is not written yet" not in child.log.read_text():
            assert client.ask("Who kept a green lamp?").answer is not None
        with pytest.raises(ClientError) as refused:
            client.add(STORY.replace("lamp", "lantern"), title="Lantern", recipe=RECIPE)
        assert (refused.value.status, refused.value.type) == (507, "/problems/disk-full")
        assert client.ask("Who kept a green lamp?").versions[0].version == 1
        assert files(disk) == before | {"ballast"}
        ballast.unlink()
        assert list(client.follow(job))[-1].data["kind"] == "failed"
        problem = client.job(job).error
        assert problem is not None
        assert problem.code == "disk-full"
        [book] = client.books()
        assert (book.title, book.aliases["champion"]) == ("Lamp", 1)
        assert [version.number for version in client.versions()] == [1]
        again = client.train(book.id, recipe={**RECIPE, "budget_tokens": 500}).id
        assert list(client.follow(again))[-1].data["kind"] == "succeeded"
        assert files(disk) == before
