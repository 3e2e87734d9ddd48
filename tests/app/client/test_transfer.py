"""Versions that leave as folders and come back, against the peer."""

import os
from pathlib import Path

import pytest
from fastapi import FastAPI, Response

from app.client import Client, ClientError
from tests.app.client.examples import book
from tests.app.client.peer import Peer
from tests.app.client.version_examples import inspection

BOOK = book().id


def test_an_export_is_unpacked_into_its_folder(peer: Peer, tmp_path: Path) -> None:
    with Client(peer.url) as client:
        files = client.transfer.export(BOOK, "2", tmp_path / "out")
        assert client.transfer.inspect(BOOK, "2") == inspection()
    assert files == [tmp_path / "out" / "version.json", tmp_path / "out" / "member-0" / "adapter_config.json"]
    assert all(file.read_text() == "{}" for file in files)
    assert ("GET", f"/admin/books/{BOOK}/versions/2/export") in peer.calls


def test_an_import_sends_what_is_read_of_it_and_nothing_else(peer: Peer, tmp_path: Path) -> None:
    for name, data in {
        "version.json": b"{}",
        "notes.txt": b"not read",
        "member-0/adapter_config.json": b'{"peft_type": "LORA"}',
        "member-0/adapter_model.safetensors": bytes(range(256)) * 1000,
        "member-0/README.md": b"not read",
        "member-0-with-skill/adapter_config.json": b"made again from the member",
        "skill/adapter_config.json": b"known where the member is",
        "pickled/adapter_model.bin": b"not sent",
        "older/1/version.json": b"deeper than an export goes",
        "older/1/member-0/adapter_config.json": b"{}",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    # Older than a zip archive can say.
    os.utime(tmp_path / "version.json", (0, 0))
    with Client(peer.url) as client:
        version = client.transfer.import_(BOOK, tmp_path, promote=True)
    assert version.number == 3
    files = {
        "version.json": b"{}",
        "member-0/adapter_config.json": b'{"peft_type": "LORA"}',
        "member-0/adapter_model.safetensors": bytes(range(256)) * 1000,
        "pickled/adapter_model.bin": b"",
    }
    assert peer.imported == [{"book": BOOK, "files": files, "promote": "true", "force": "false"}]


def test_an_adapters_folder_is_sent_without_its_checkpoints(peer: Peer, tmp_path: Path) -> None:
    for folder in ("one", "one/checkpoint-5", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "adapter_config.json").write_text(folder)
    with Client(peer.url) as client:
        client.transfer.import_(BOOK, tmp_path / "one")
        client.transfer.import_(BOOK, tmp_path)
    assert [one["files"] for one in peer.imported] == [
        {"adapter_config.json": b"one"},
        {"one/adapter_config.json": b"one", "two/adapter_config.json": b"two"},
    ]


def test_of_exports_beside_one_another_the_one_that_is_meant_is_named(peer: Peer, tmp_path: Path) -> None:
    for number in ("1", "2"):
        (tmp_path / number / "member-0").mkdir(parents=True)
        (tmp_path / number / "version.json").write_text("{}")
        (tmp_path / number / "member-0" / "adapter_config.json").write_text("{}")
    with (
        Client(peer.url) as client,
        pytest.raises(ClientError, match=f"{tmp_path / '1'} or {tmp_path / '2'}"),
    ):
        client.transfer.import_(BOOK, tmp_path)
    assert peer.calls == []


def test_a_folder_without_an_adapter_is_not_sent(peer: Peer, tmp_path: Path) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match="holds no adapter"):
        client.transfer.import_(BOOK, tmp_path)
    assert peer.calls == []


def test_an_export_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = FastAPI()
    broken.get("/admin/books/{book_id}/versions/{ref}/export")(lambda: Response(b"PK\x03\x04 and no more"))
    with (
        Peer().running(broken) as peer,
        Client(peer.url) as client,
        pytest.raises(ClientError, match="broke off"),
    ):
        client.transfer.export(BOOK, "2", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_written_to_by_force_alone(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("mine")
    with Client(peer.url) as client:
        with pytest.raises(ClientError, match="is not empty"):
            client.transfer.export(BOOK, "2", tmp_path)
        assert peer.calls == []
        client.transfer.export(BOOK, "2", tmp_path, force=True)
    assert (tmp_path / "version.json").read_text() == "{}"
