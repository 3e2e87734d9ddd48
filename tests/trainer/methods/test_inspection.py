import pytest
import torch

from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.inspection import distance_moved, nearest_tokens, similarity, vocabulary_norm


def test_embeddings_of_words_are_next_to_those_words(llm: FrozenLLM) -> None:
    tokens = torch.tensor([[5, 17, 399], [300, 5, 0]])
    ids, cosines = nearest_tokens(llm, 3 * llm.embed(tokens))
    assert ids.tolist() == tokens.tolist()
    torch.testing.assert_close(cosines, torch.ones(2, 3), atol=1e-3, rtol=0)


def test_every_part_of_the_vocabulary_is_compared(llm: FrozenLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(0))
    whole = nearest_tokens(llm, prompts)
    monkeypatch.setattr("trainer.methods.inspection._CHUNK", 7)
    for one, other in zip(nearest_tokens(llm, prompts), whole, strict=True):
        torch.testing.assert_close(one, other)
    assert vocabulary_norm(llm) == pytest.approx(float(llm.vocabulary.float().norm(dim=-1).mean()))


def test_members_are_compared_position_by_position() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    second = torch.tensor([[3.0, 0.0], [1.0, 0.0]])
    found = similarity(torch.stack([first, second]))
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.5], [0.5, 1.0]]))


def test_how_far_members_moved_is_the_mean_distance() -> None:
    starts = torch.zeros(2, 2, 2)
    prompts = torch.tensor([[[3.0, 4.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert distance_moved(prompts, starts).tolist() == [3.0, 0.0]
