"""Backup, verify and rebuild beside a service that goes on, by HTTP and by command."""

import os
import re
import sqlite3
import subprocess
from pathlib import Path

import httpx

from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY
from tests.warm.commands import python


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    command = python("-m", "app.cli", *words, "--data-dir", str(folder / "data"), imported="service")
    return subprocess.run(command, capture_output=True, text=True, env=clean, timeout=300, check=False)


def test_a_running_service_is_backed_up_verified_and_rebuilt(http: httpx.Client) -> None:
    upload(http, STORY + "kept")
    assert http.post("/admin/verify").json() == {"object": "verification", "whole": True, "findings": []}
    books = http.get("/books", params={"limit": 200}).json()["data"]
    passages = sum(book["passages"] for book in books)
    assert http.post("/admin/rebuild").json() == {"object": "rebuilt", "passages": passages}


def test_a_backup_is_the_library_again(tiny_folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "what?", tmp_path / "100% of it %20x #ü"
    model = ("--model", str(tiny_folder))
    key = {"Authorization": "Bearer sesame"}
    with service(one, *model, admin_key="sesame") as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        asked, prompts = client.ask("Who kept a green lamp?", seed=3), client.versions()
        with httpx.Client(base_url=client.url, trust_env=False, timeout=60) as http:
            for method, call in (("GET", "backup"), ("POST", "verify"), ("POST", "rebuild")):
                assert http.request(method, f"/admin/{call}").status_code == 401
            answer = http.get("/admin/backup", headers=key)
        assert answer.headers["content-type"] == "application/vnd.sqlite3"
        assert int(answer.headers["content-length"]) == len(answer.content)
        (tmp_path / "kept.db").write_bytes(answer.content)
        assert [path.name for path in (one / "data").iterdir() if "backup" in path.name] == []
        # The command beside the running service gives the same.
        assert run(one, "backup", str(tmp_path / "too.db")).returncode == 0
        assert run(one, "verify").stdout == "Nothing is wrong.\n"
        # Fault 37: what it has in memory would not be what is kept.
        refused = run(one, "restore", str(tmp_path / "kept.db"), "--force")
        assert refused.returncode == 1
        assert re.fullmatch(
            r"The database is in use by process \d+: stop the service and its workers first\.\n",
            refused.stderr,
        )
        assert client.versions() == prompts
    restored = run(two, "restore", str(tmp_path / "kept.db"))
    assert restored.returncode == 0, restored.stderr
    with service(two, *model, admin_key="sesame") as client:
        assert client.versions() == prompts
        again = client.ask("Who kept a green lamp?", seed=3)
        assert (again.answer, again.votes, again.citations) == (asked.answer, asked.votes, asked.citations)
    assert {path.name for path in tmp_path.iterdir()} == {one.name, two.name, "kept.db", "too.db"}
    for folder in (one, two):
        assert {path.name for path in folder.iterdir()} == {"data", "serve.log"}
        assert (folder / "data" / "bookchorus.db").is_file()


def test_findings_come_with_how_to_mend_them(tiny_folder: Path, tmp_path: Path) -> None:
    with service(tmp_path, "--model", str(tiny_folder)) as client:
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        book = added.book.id
        assert added.job is not None
        # Until then the index is kept anew.
        assert list(client.follow(added.job.id))[-1].data["kind"] == "succeeded"
        (tmp_path / "data" / "index" / "passages.faiss").unlink()
        with sqlite3.connect(tmp_path / "data" / "bookchorus.db") as database:
            database.execute("UPDATE passages SET text = 'Another.' WHERE ordinal = 0")
        database.close()
        found = httpx.post(f"{client.url}/admin/verify", trust_env=False, timeout=60).json()
        assert found == {
            "object": "verification",
            "whole": False,
            "findings": [
                {
                    "kind": "text",
                    "what": f"Book {book}: 1 passages do not say what stands in the text, "
                    "the first is passage 0.",
                    "mend": "Restore a backup, or remove the book and upload it again.",
                },
                {"kind": "index", "what": "The index is missing.", "mend": "Run: bookchorus rebuild"},
            ],
        }
        httpx.post(f"{client.url}/admin/rebuild", trust_env=False, timeout=60)
        assert (tmp_path / "data" / "index" / "passages.faiss").exists()
