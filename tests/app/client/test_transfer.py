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
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
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
