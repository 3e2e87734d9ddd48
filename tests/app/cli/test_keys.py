"""`bookchorus keys` and `bookchorus audit`, on real databases."""

import json
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from store import keys
from store.database import Database
from store.tables import ApiKey, AuditLine
from tests.app.cli.runner import bookchorus


def made(folder: Path, *words: str) -> str:
    """The text of a new key, which is all that stands on standard output."""
    result = bookchorus("keys", "add", *words, "--data-dir", str(folder))
    assert result.exit_code == 0, result.stderr
    return result.stdout.removesuffix("\n")


def listed(folder: Path) -> list[dict[str, object]]:
    at = ("--data-dir", str(folder))
    shown = bookchorus("keys", "list", *at)
    assert shown.exit_code == 0
    found: list[dict[str, object]] = json.loads(bookchorus("keys", "list", "--json", *at).stdout)["data"]
    assert all(str(each["name"]) in shown.stdout for each in found)
    return found


def opened(folder: Path) -> Database:
    return Database(f"sqlite:///{folder / 'bookchorus.db'}")


def test_a_key_is_shown_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first, second = made(folder, "Anna"), made(folder, "Anna")
    assert first != second
    # 32 bytes in base64 without its filling.
    assert re.fullmatch(r"key_[0-9a-f]{16}\.[\w-]{43}", first)
    secret = first.partition(".")[2]
    for file in folder.iterdir():
        assert secret.encode() not in file.read_bytes()
    database = opened(folder)
    with database.read() as session:
        key = keys.find(session, first)
        assert key is not None
        assert key.sha256 == sha256(first.encode()).hexdigest()
        for wrong in ("", ".", key.id, f"{key.id}.", first + "x", first[:-1], f"\0.{secret}", f"é.{secret}"):
            assert keys.find(session, wrong) is None, wrong
    database.close()
    assert secret not in bookchorus("keys", "list", "--data-dir", str(folder)).output


def test_keys_are_listed_with_what_they_may_do(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made(folder, "plain")
    words = ["--role", "writer", "--owner", "anna", "--days", "7", "--rate", "60"]
    made(folder, "Anna's laptop", *words, "--books", "5", "--bytes", "1000", "--training-tokens", "9")
    plain, laptop = listed(folder)
    assert (plain["role"], plain["owner"], plain["expires_at"]) == ("reader", "local", None)
    assert (laptop["role"], laptop["owner"]) == ("writer", "anna")
    limits = ("requests_per_minute", "most_books", "most_bytes", "most_training_tokens", "training_tokens")
    assert [laptop[name] for name in limits] == [60, 5, 1000, 9, 0]
    week = datetime.now(UTC) + timedelta(days=7)
    assert abs(int(str(laptop["expires_at"])) - week.timestamp()) < 600


def test_a_key_is_revoked_for_good(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made(folder, "lost")
    [key] = listed(folder)
    for _ in range(2):
        assert bookchorus("keys", "revoke", str(key["id"]), "--data-dir", str(folder)).exit_code == 0
    [revoked] = listed(folder)
    assert revoked["revoked_at"] is not None
    assert "revoked" in bookchorus("keys", "list", "--data-dir", str(folder)).stdout
    unknown = bookchorus("keys", "revoke", "key_none", "--data-dir", str(folder))
    assert (unknown.exit_code, unknown.stderr) == (1, "There is no key key_none.\n")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x00b", "a\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    for words in ([name], ["fine", "--owner", name]):
        result = bookchorus("keys", "add", *words, "--data-dir", str(tmp_path / "data"))
        assert result.exit_code == 2


def test_the_audit_log_is_shown_newest_first(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    at = ("--data-dir", str(folder))
    made(folder, "Anna")
    database = opened(folder)
    with database.write() as session:
        key = session.query(ApiKey).one()
        for number, who in enumerate(("anna", "ben", "anna")):
            path = f"/books/{number}"
            line = AuditLine(who=who, key_id=key.id, role="writer", method="DELETE", path=path, status=204)
            session.add(line)
            session.flush()
    database.close()
    shown = bookchorus("audit", "--who", "anna", *at)
    assert shown.stdout.index("/books/2") < shown.stdout.index("/books/0")
    assert "/books/1" not in shown.stdout
    page = json.loads(bookchorus("audit", "--who", "anna", "--json", *at).stdout)
    assert [line["path"] for line in page["data"]] == ["/books/2", "/books/0"]
    assert not page["has_more"]
    page = json.loads(bookchorus("audit", "--limit", "1", "--key-id", key.id, "--json", *at).stdout)
    assert ([line["path"] for line in page["data"]], page["has_more"]) == (["/books/2"], True)
