import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from numpy.typing import NDArray

from store.database import Database
from store.passages import get_passages
from store.search.index import PassageIndex
from tests.store.conftest import Embedder


def _text(database: Database, passage_id: int) -> str:
    with database.read() as session:
        return get_passages(session, [passage_id])[0].text


def _blind(texts: Sequence[str]) -> NDArray[np.float32]:
    """See no difference between any two texts."""
    return np.ones((len(texts), 1), dtype=np.float32)


def test_words_are_found_again_after_a_restart(
    database: Database, library: dict[str, str], folder: Path
) -> None:
    index = PassageIndex(database, folder, _blind, "blind@1")
    index.complete()
    before = index.search("thirteen", 9)
    assert _text(database, before[0].passage_id) == "It strikes thirteen."
    again = PassageIndex(database, folder, _blind, "blind@1")
    assert again.search("thirteen", 9) == before
    assert again.rebuilds == 0


def _damage(folder: Path, how: str) -> None:
    file, words, side = (folder / name for name in ("passages.faiss", "words.npz", "passages.json"))
    data = file.read_bytes()
    known = json.loads(side.read_text())
    if how == "file missing":
        file.unlink()
    elif how == "folder missing":
        rmtree(folder)
    elif how == "words missing":
        words.unlink()
    elif how == "words damaged":
        content = words.read_bytes()
        words.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    elif how == "words of other passages":
        with np.load(words) as loaded:
            arrays = dict(loaded)
        arrays["passages.ids"] += 1
        np.savez(words, **arrays)
        digests = known["sha256"] | {words.name: sha256(words.read_bytes()).hexdigest()}
        side.write_text(json.dumps(known | {"sha256": digests}))
    elif how == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "one bit flipped":
        file.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    elif how == "side file missing":
        side.unlink()
    elif how == "side file no JSON":
        side.write_text("{")
    elif how == "side file of another form":
        side.write_text(json.dumps({"version": 2}))
    elif how == "side file no object":
        side.write_text("[1]")
    elif how == "of an older form":
        side.write_text(json.dumps({name: value for name, value in known.items() if name != "form"}))
    elif how == "of other stems":
        side.write_text(json.dumps(known | {"form": known["form"].replace("PyStemmer", "PyStemmer 0")}))
    elif how == "another embedder":
        side.write_text(json.dumps(known | {"embedder": "other@1"}))
    elif how == "stale":
        state = known["state"] | {"last_passage": known["state"]["last_passage"] - 1}
        side.write_text(json.dumps(known | {"state": state}))
    else:
        raise AssertionError(how)


@pytest.mark.parametrize(
    "how",
    [
        "file missing",
        "folder missing",
        "words missing",
        "words damaged",
        "words of other passages",
        "truncated",
        "empty",
        "one bit flipped",
        "side file missing",
        "side file no JSON",
        "side file of another form",
        "side file no object",
        "of an older form",
        "of other stems",
        "another embedder",
        "stale",
    ],
)
def test_a_damaged_index_is_built_again_once(
    database: Database,
    library: dict[str, str],
    index: PassageIndex,
    folder: Path,
    embedder: Embedder,
    how: str,
) -> None:
    index.complete()
    before = index.search("Where does the red fox live?", 4)
    _damage(folder, how)
    embedder.texts.clear()
    again = PassageIndex(database, folder, embedder, embedder.name)
    assert again.search("Where does the red fox live?", 4) == before
    assert again.search("Where does the red fox live?", 4) == before
    assert again.rebuilds == 1
    assert set(embedder.texts) == {"Where does the red fox live?"}  # the vectors came from the database
    again.settle()
    healed = PassageIndex(database, folder, embedder, embedder.name)
    assert healed.search("Where does the red fox live?", 4) == before
    assert healed.rebuilds == 0


def test_that_an_older_index_is_made_again_is_said(
    database: Database,
    library: dict[str, str],
    index: PassageIndex,
    folder: Path,
    embedder: Embedder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "store.search")
    index.refresh()
    _damage(folder, "of an older form")
    PassageIndex(database, folder, embedder, embedder.name).refresh()
    [record] = caplog.records
    assert record.message == (
        "The passage index is of another version of this program, or of its stemmers; it is made again."
    )
    PassageIndex(database, folder, embedder, embedder.name).refresh()
    assert caplog.records == [record]


def test_an_index_that_cannot_be_kept_still_answers(
    database: Database,
    library: dict[str, str],
    tmp_path: Path,
    embedder: Embedder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("in the way")
    index = PassageIndex(database, tmp_path / "file", embedder, embedder.name)
    assert index.search("red fox", 1)[0].book_id == library["fox"]
    index.settle()
    assert "could not be kept" in caplog.text
    assert index.search("old clock", 1)[0].book_id == library["clock"]
    assert index.rebuilds == 1


def test_nothing_is_left_beside_the_index(library: dict[str, str], index: PassageIndex, folder: Path) -> None:
    index.refresh()
    assert sorted(path.name for path in folder.iterdir()) == ["passages.faiss", "passages.json", "words.npz"]
