"""A bucket that is away for a while, or has lost an object, under a running service."""

import re
from pathlib import Path

import httpx

from app.client import Client
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY


def ask(client: Client) -> httpx.Response:
    return httpx.post(f"{client.url}/ask", json={"question": "Who?"}, timeout=60, trust_env=False)


def objects(bucket: Path) -> list[Path]:
    return [each for each in bucket.rglob("*") if each.is_file()]


def test_a_bucket_that_comes_back_has_lost_nothing_and_a_lost_object_is_one_member(
    tiny_folder: Path, tmp_path: Path
) -> None:
    bucket, away = tmp_path / "bucket", tmp_path / "away"
    bucket.mkdir()
    settings = {"artifacts": bucket.as_uri(), "artifact_bytes": "100"}
    with service(tmp_path, "--model", str(tiny_folder), **settings) as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        assert len(objects(bucket)) == 2, "the members; the checkpoint went with the job"
        bucket.rename(away)
        refused = ask(client)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/bucket-unreachable")
        assert refused.headers["Retry-After"] == "5"
        assert "is it the right one, and mounted?" in refused.json()["detail"]
        assert httpx.get(f"{client.url}/readyz", trust_env=False).status_code == 200
        away.rename(bucket)
        [version] = client.versions()
        assert [member.damaged for member in version.members] == [False, False]
        objects(bucket)[0].unlink()
        answer = ask(client)
        assert answer.status_code == 200
        assert re.fullmatch(r"damaged: book_\w+@1 without members [01]", answer.json()["degraded"])
        [version] = client.versions()
        assert sorted(member.damaged for member in version.members) == [False, True]
