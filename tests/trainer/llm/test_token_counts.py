"""The counts of a book's slices are those of its tokens, whatever a tokenizer does with spaces."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

from store.segmentation import ChapterSpan, passages
from tests import tiny
from tests.long_book import long_book
from trainer.llm.embedded import embedded_folder
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.token_counts import TokenCounting
from trainer.options import DEFAULT_CACHE_DIR

# Spaces of many kinds, what normalisation makes spaces of or removes, marks that join, and control tokens.
PLAIN = ["the", "Mira", "lamp.", "“Why?”", "end.\n\nNext", "灯台守", "¿qué", "1,700", "—", "-", "☃"]
ODD = ["", "\n", "\t", "a\u00a0b", "\u200b", "\u00a8", "\u00b4x", "e\u0301", "\u0301", "\u3000"]
CONTROL = ["</s>", "<extra_id_0>", "<unk>", "<|im_end|>"]
WORDS = st.sampled_from([*PLAIN, *ODD, *CONTROL])
TEXTS = st.lists(WORDS | st.text(max_size=3), max_size=12).map(" ".join)


@pytest.fixture(scope="module", params=[*get_args(tiny.Family), "embedded"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    """A tiny LLM of each family, and one with the tokenizer of the embedded LLM."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    if request.param == "embedded":
        kept = embedded_folder(DEFAULT_CACHE_DIR.expanduser())
        tiny.save(folder, tokenizer=AutoTokenizer.from_pretrained(kept))
    else:
        tiny.save(folder, family=request.param)
    return load(str(folder), device="cpu", dtype="float32", cache_dir=folder.parent)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_slices_have_as_many_tokens_as_they_are_encoded_to(model: FrozenLLM, texts: list[str]) -> None:
    count = model.token_counter()
    assert [count(text) for text in texts] == [len(model.encode(text)) for text in texts]


@pytest.mark.parametrize("text", [long_book(4_000), "\n\n".join([long_book(500), "灯台守" * 900])])
def test_a_book_is_cut_into_the_same_passages(model: FrozenLLM, text: str) -> None:
    spans = [ChapterSpan("", 0, len(text))]
    assert passages(text, spans, model.token_counter()) == passages(text, spans, model.count_tokens)


def trained(pre_tokenizer: pre_tokenizers.PreTokenizer | None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator([tiny.STORY * 5], trainers.BpeTrainer(vocab_size=600, show_progress=False))
    return tokenizer


def test_words_are_not_counted_apart_where_a_token_has_two_of_them() -> None:
    whole = trained(None)
    assert any(" " in token.strip(" ") for token in whole.get_vocab())
    swallowing = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    swallowing.add_tokens([AddedToken("lamp", lstrip=True)])
    for tokenizer in (whole, swallowing):
        text = "Mira kept a green lamp in the tower of Ost. The lamp went dark."
        counting = TokenCounting(tokenizer)
        assert counting.counter()(text) == len(tokenizer.encode(text)) == counting.count(text)


@pytest.mark.parametrize(
    "text", ["lamp\u00a0 green", "lamp \u200b green lamp", "green \u3000lamp", "lamp \u0301 green"]
)
def test_what_normalisation_does_at_a_space_is_counted(text: str) -> None:
    tokenizer = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace("\u200b", ""),
            normalizers.Replace(Regex(" \u0301"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    assert TokenCounting(tokenizer).counter()(text) == len(tokenizer.encode(text))
