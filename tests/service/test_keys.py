"""Keys over HTTP: made, shown once, listed, revoked; each works as its role says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.test_bad_input import problem
from tests.service.conftest import service

ADMIN = "a-key-of-the-administrator-0123456789"


@pytest.fixture(scope="module")
def admin(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("keys")
    with service(folder, "--model", str(tiny_folder), admin_key=ADMIN, trains="false") as client:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        with httpx.Client(base_url=client.url, headers=headers, timeout=60, trust_env=False) as http:
            yield http


def made(admin: httpx.Client, **wish: Any) -> dict[str, Any]:
    answer = admin.post("/admin/keys", json=wish)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def called(admin: httpx.Client, key: dict[str, Any], method: str, path: str) -> httpx.Response:
    return admin.request(method, path, headers={"Authorization": f"Bearer {key['text']}"})


def test_a_key_is_shown_once_and_does_what_its_role_says(admin: httpx.Client) -> None:
    key = made(admin, name="  Anna\n Lind ", role="reader", owner="anna", days=2, requests_per_minute=90)
    assert (key["name"], key["owner"], key["requests_per_minute"]) == ("Anna Lind", "anna", 90)
    assert key["expires_at"] == key["created_at"] + 2 * 86_400
    assert called(admin, key, "GET", "/books").status_code == 200
    problem(called(admin, key, "GET", "/admin/keys"), 403, "role-too-low")
    listed = admin.get("/admin/keys")
    assert key["text"] not in listed.text
    assert [one for one in listed.json()["data"] if one["id"] == key["id"]] == [
        {name: value for name, value in key.items() if name != "text"}
    ]


def test_a_key_that_is_revoked_stays_listed_and_opens_nothing(admin: httpx.Client) -> None:
    key = made(admin, name="lost")
    assert key["role"] == "reader"
    revoked = admin.delete(f"/admin/keys/{key['id']}").json()
    assert revoked["revoked_at"] is not None
    assert admin.delete(f"/admin/keys/{key['id']}").json() == revoked
    problem(called(admin, key, "GET", "/books"), 401, "key-revoked")
    assert revoked in admin.get("/admin/keys").json()["data"]
    problem(admin.delete("/admin/keys/key_none"), 404, "not-found")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 61},
        {"name": "a\x1b[31m"},
        {"name": "fine", "owner": ""},
        {"name": "fine", "role": "owner"},
        {"name": "fine", "days": 0},
        {"name": "fine", "most_books": 0},
        {},
    ],
)
def test_a_key_that_cannot_be_is_refused(admin: httpx.Client, wrong: dict[str, Any]) -> None:
    before = admin.get("/admin/keys").json()
    problem(admin.post("/admin/keys", json=wrong), 422, "invalid-request")
    assert admin.get("/admin/keys").json() == before


def test_who_made_and_revoked_keys_is_in_the_audit_log(admin: httpx.Client) -> None:
    path = f"/admin/keys/{made(admin, name='noted')['id']}"
    admin.delete(path)
    lines = admin.get("/admin/audit", params={"limit": 2}).json()["data"]
    assert [(line["who"], line["method"], line["path"]) for line in lines] == [
        ("admin", "DELETE", path),
        ("admin", "POST", "/admin/keys"),
    ]
