"""`bookchorus doctor`: what it sees of real faults, and that it changes nothing."""

import hashlib
import json
import logging
import os
import re
import socket
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sqlalchemy import text

from app.doctor import address, library, machine, models
from app.doctor.machine import Target
from app.doctor.quiet import quiet
from app.engine.embedder import embedder_name
from app.settings import Settings
from store import books, keys
from store.database import Database
from store.editions import Edition
from store.search.index import PassageIndex
from store.segmentation import ChapterSpan, passages
from tests.app.cli.runner import bookchorus
from tests.app.client.peer import Peer
from tests.databases import new_database
from tests.tiny import STORY
from tests.warm.commands import python
from trainer.llm.arithmetic import int8_error


def blind(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.ones((len(texts), 1), dtype=np.float32)


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    """Of a folder that is not there yet."""
    return Settings(data_dir=tmp_path / "data", model=str(tiny_folder), port=0)


@pytest.fixture
def kept(settings: Settings) -> Iterator[Database]:
    """The database of the settings, with a book in it, and its index."""
    settings.data_dir.mkdir()
    database = new_database(settings.data_dir / "bookchorus.db")
    spans = [ChapterSpan("", 0, len(STORY))]
    cut = passages(STORY, spans, lambda piece: len(piece.split()), 20)
    edition = Edition(STORY, hashlib.sha256(STORY.encode()).hexdigest(), spans, cut)
    with database.write() as session:
        books.add(session, edition, title="Lamp")
    PassageIndex(database, settings.index_dir, blind, embedder_name(settings)).complete()
    yield database
    database.close()


def files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def run(*words: str) -> dict[str, dict[str, Any]]:
    """What a command of its own says, check by check; nothing else may reach a person."""
    done = subprocess.run(
        python("-m", "app.cli", "doctor", "--json", *words, imported="service"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    document = json.loads(done.stdout)
    found = {each["name"]: each for each in document["checks"]}
    assert document["ok"] == (done.returncode == 0)
    assert document["ok"] == all(each["state"] != "fault" for each in found.values())
    return found


def test_where_all_is_well_it_says_so_and_leaves_all_as_it_is(
    kept: Database, settings: Settings, tmp_path: Path
) -> None:
    kept.close()
    before = files(tmp_path)
    found = run(
        "--data-dir", str(settings.data_dir), "--model", settings.model, "--port", "0", "--device", "cpu"
    )
    assert list(found) == [
        *("settings", "python", "pytorch", "device", "bitsandbytes", "model", "memory", "disk"),
        *("data folder", "database", "index", "port", "access", "embedder"),
    ]
    for name in found.keys() - {"memory", "disk"}:
        assert found[name]["state"] == "ok", found[name]
    assert files(tmp_path) == before


def test_each_fault_is_a_line_with_what_mends_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        words = ("--data-dir", str(tmp_path / "file" / "data"), "--model", str(tmp_path / "none"))
        result = bookchorus("doctor", *words, "--port", port, "--device", "cuda:77", COLUMNS="300")
    assert (result.exit_code, result.stderr) == (1, "")
    lines = dict(re.findall(r"^fault +(\S+(?: \S+)?)  +(.*)$", result.stdout, re.MULTILINE))
    assert "There is no device 'cuda:77'" in lines["device"]
    assert f"There is no folder '{tmp_path / 'none'}'." in lines["model"]
    assert f"The folder {tmp_path / 'file' / 'data'} cannot be made: Not a directory." in lines["data folder"]
    assert f"Nothing can listen on 127.0.0.1:{port}: Address already in use." in lines["port"]
    assert "4 faults.\n" in result.stdout
    assert "--data-dir" in result.stdout.partition("data folder")[2].splitlines()[1]


def test_a_setting_that_is_wrong_is_the_only_fault() -> None:
    result = bookchorus("doctor", "--json", "--device", "tpu")
    assert result.exit_code == 1
    [check] = json.loads(result.stdout)["checks"]
    assert (check["name"], check["state"]) == ("settings", "fault")
    assert check["seen"].startswith("BOOKCHORUS_DEVICE: expected")


def test_a_broken_database_is_a_fault(settings: Settings) -> None:
    settings.data_dir.mkdir()
    file = settings.data_dir / "bookchorus.db"
    file.write_bytes(b"no database at all" * 500)
    before = files(settings.data_dir)
    found = library.database(settings)
    assert found.state == "fault"
    assert "The database is damaged" in found.seen
    assert library.index(settings).state == "warning"
    assert files(settings.data_dir) == before


def test_a_database_of_another_release_is_told_and_not_migrated(kept: Database, settings: Settings) -> None:
    for revision, state in (("0010", "warning"), ("9999", "fault")):
        with kept.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
        found = library.database(settings)
        assert (found.state, f"revision {revision}" in found.seen) == (state, True)
        assert kept.schema_revision() == revision


def test_who_holds_the_database_is_named(settings: Settings) -> None:
    assert "none yet" in library.database(settings).seen
    settings.data_dir.mkdir()
    new_database(settings.data_dir / "bookchorus.db").close()
    assert "held by nobody" in library.database(settings).seen
    assert not (settings.data_dir / "bookchorus.db.lock").exists()
    living = Database(settings.database)
    living.occupy()
    assert f"held by process {os.getpid()}" in library.database(settings).seen
    living.close()


def test_a_damaged_index_is_a_fault_and_an_old_one_a_warning(kept: Database, settings: Settings) -> None:
    assert library.index(settings).state == "ok"
    words = settings.index_dir / "words.npz"
    whole = words.read_bytes()
    words.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    damaged = library.index(settings)
    assert (damaged.state, "bookchorus rebuild" in damaged.mend) == ("fault", True)
    words.write_bytes(whole)
    with kept.write() as session:
        session.execute(text("UPDATE books SET passage_count = passage_count + 1"))
    old = library.index(settings)
    assert (old.state, "is stale" in old.seen) == ("warning", True)
    words.unlink()
    assert "is missing" in library.index(settings).seen


def test_a_bucket_is_written_and_read_and_left_as_it_was(settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "bucket"
    found = library.bucket(settings.model_copy(update={"artifacts": place.as_uri()}))
    assert (found.state, found.seen) == ("fault", f"There is no folder {place}: make it, or mount it.")
    assert "BOOKCHORUS_ARTIFACTS" in found.mend
    place.mkdir()
    found = library.bucket(settings.model_copy(update={"artifacts": place.as_uri()}))
    assert (found.state, found.seen) == ("ok", f"{place.as_uri()}, for artifacts from 65,536 bytes on")
    assert files(place) == {}
    place.rmdir()
    place.touch()
    for wrong, words in ((place.as_uri(), "make it, or mount it"), ("books", "expected s3://BUCKET/PREFIX")):
        found = library.bucket(settings.model_copy(update={"artifacts": wrong}))
        assert found.state == "fault"
        assert words in found.seen


def test_a_bookchorus_at_the_port_is_no_fault(settings: Settings, peer: Peer) -> None:
    taken = settings.model_copy(update={"port": int(peer.url.rpartition(":")[2])})
    assert address.port(taken).state == "ok"
    assert "A Bookchorus answers" in address.port(taken).seen


def test_other_machines_need_a_key(kept: Database, settings: Settings) -> None:
    reached = settings.model_copy(update={"host": "0.0.0.0"})
    found = address.access(reached)
    assert (found.state, "bookchorus keys add" in found.seen) == ("fault", True)
    with kept.write() as session:
        keys.add(session, name="me", role="admin", owner="local")
    assert address.access(reached).state == "ok"


def test_files_of_a_model_that_are_not_there_are_told(settings: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.json").write_text("{}")
    found, _ = models.model(settings.model_copy(update={"model": str(empty)}))
    assert (found.state, "no weights" in found.seen) == ("fault", True)
    found, _ = models.model(settings.model_copy(update={"model": "nobody/has-this"}))
    assert (found.state, "not on this machine" in found.seen) == ("warning", True)
    found, parameters = models.model(settings.model_copy(update={"model": "embedded"}))
    assert found.state == "ok"
    assert parameters is not None
    assert 120e6 < parameters < 150e6
    nowhere = models.embedder(settings.model_copy(update={"embedder": "/no/folder"}))
    assert (nowhere.state, "BOOKCHORUS_EMBEDDER" in nowhere.mend) == ("fault", True)


def test_memory_and_disk_are_held_against_what_is_needed(settings: Settings) -> None:
    target = Target(torch.device("cpu"), torch.float32, "none")
    assert target.weights(1000) == 4000
    assert machine.memory(target, 10**13).state == "warning"
    assert machine.available_memory() is not None
    assert machine.disk(settings, 10**18).state == "warning"


@pytest.mark.parametrize("arithmetic", ["restored", "bitsandbytes"])
def test_an_int8_layer_multiplies(arithmetic: Any) -> None:
    assert 0 < int8_error(torch.device("cpu"), torch.float32, arithmetic) < 0.05


def test_no_library_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"from C")
        print("from Python")
        warnings.warn("a warning", stacklevel=1)
        logging.getLogger("library").error("a record")
    print("heard")
    assert capfd.readouterr() == ("heard\n", "")
