import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import safetensors.torch

from app.client import Client
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY


def flip(folder: Path, *members: int) -> None:
    """Change the last byte of these members' artifacts."""
    with sqlite3.connect(folder / "data" / "bookchorus.db") as database:
        for member in members:
            where = "sha256 = (SELECT artifact_sha256 FROM members WHERE ordinal = ?)"
            [(data,)] = database.execute(f"SELECT data FROM artifacts WHERE {where}", (member,)).fetchall()
            database.execute(
                f"UPDATE artifacts SET data = ? WHERE {where}", (data[:-1] + bytes([data[-1] ^ 1]), member)
            )
    database.close()


def not_a_number(folder: Path, member: int) -> None:
    """Put into a member's place bytes that are sound, with a number in them that is none."""
    with sqlite3.connect(folder / "data" / "bookchorus.db") as database:
        where = "ordinal = ?"
        [(sha256,)] = database.execute(
            f"SELECT artifact_sha256 FROM members WHERE {where}", (member,)
        ).fetchall()
        [(data,)] = database.execute("SELECT data FROM artifacts WHERE sha256 = ?", (sha256,)).fetchall()
        tensors = safetensors.torch.load(data)
        next(iter(tensors.values())).view(-1)[0] = float("nan")
        other = safetensors.torch.save(tensors)
        known = hashlib.sha256(other).hexdigest()
        database.execute(
            "UPDATE artifacts SET sha256 = ?, size = ?, data = ? WHERE sha256 = ?",
            (known, len(other), other, sha256),
        )
        database.execute(f"UPDATE members SET artifact_sha256 = ? WHERE {where}", (known, member))
    database.close()


def ask(client: Client) -> httpx.Response:
    return httpx.post(f"{client.url}/ask", json={"question": "Who?"}, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def learned(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service's folder, with one book of two members; the service has ended."""
    folder = tmp_path_factory.mktemp("learned")
    with service(folder, "--model", str(tiny_folder)) as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
    return folder


@pytest.fixture
def folder(learned: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(learned, tmp_path / "copy")


@pytest.mark.parametrize("damage", [flip, not_a_number])
def test_24_what_is_damaged_leaves_one_member_out(
    tiny_folder: Path, folder: Path, damage: Callable[[Path, int], None]
) -> None:
    damage(folder, 1)
    with service(folder, "--model", str(tiny_folder)) as client:
        [before] = client.versions()
        assert [member.damaged for member in before.members] == [False, False]
        answer = ask(client)
        assert answer.status_code == 200
        [book] = client.books()
        assert answer.json()["degraded"] == f"damaged: {book.id}@1 without members 1"
        voices = {each["member"] for vote in answer.json()["votes"] for each in vote["candidates"]}
        assert voices == {0}
        [version] = client.versions()
        assert [member.damaged for member in version.members] == [False, True]


def test_24_nothing_goes_on_from_a_damaged_version_or_is_compared_with_it(
    tiny_folder: Path, folder: Path
) -> None:
    flip(folder, 1)
    with service(folder, "--model", str(tiny_folder)) as client:
        [book] = client.books()
        refused = httpx.post(
            f"{client.url}/books/{book.id}/versions", json={"parent": 1}, timeout=60, trust_env=False
        )
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/parent-damaged")
        assert "members 1 have changed" in refused.json()["detail"]
        job = client.train(book.id, recipe=QUICK)
        told = [event for event in client.follow(job.id) if event.data.get("kind") == "published"]
        assert (told[0].data["promoted"], told[0].data["gate"]) == (True, None)
        assert "version 1 is damaged" in told[0].message


def test_24_without_a_member_left_there_is_no_answer(tiny_folder: Path, folder: Path) -> None:
    flip(folder, 0, 1)
    with service(folder, "--model", str(tiny_folder)) as client:
        answer = ask(client)
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/artifact-damaged"
        [version] = client.versions()
        assert all(member.damaged for member in version.members)
