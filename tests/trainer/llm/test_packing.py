import pytest
import torch

from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.llm.scoring import row_losses

PASSAGE = "Mira kept a lamp in the tower. Every night at nine she lit it for the boats."


def prompts(llm: FrozenLLM, rows: int, virtual_tokens: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows)
    return torch.randn(rows, virtual_tokens, llm.identity.hidden_size, generator=generator)


def exchanges(llm: FrozenLLM) -> list[Exchange]:
    pairs = [
        ("Who kept a lamp?", "Mira"),
        ("When did she light it?", "every night at nine"),
        ("Why?", "boats"),
    ]
    return [Exchange(llm.encode(turn), llm.encode(answer)) for turn, answer in pairs]


def test_packed_losses_are_those_of_each_exchange_alone(llm: FrozenLLM) -> None:
    text, asked, members = llm.encode(PASSAGE), exchanges(llm), prompts(llm, 2)
    packs = [Pack(asked, text), Pack(asked[1:], text[:9])]
    found = pack_losses(llm, packs, members)
    for row, pack in enumerate(packs):
        for exchange, losses in zip(pack.exchanges, found[row], strict=True):
            whole = [*pack.text, *exchange.tokens]
            [alone] = row_losses(llm, members[row][None], [whole])
            torch.testing.assert_close(losses, alone[-len(exchange.answer) :], atol=1e-4, rtol=1e-4)


def test_what_was_read_before_counts_as_if_read_again(llm: FrozenLLM) -> None:
    text, asked = llm.encode(PASSAGE), exchanges(llm)
    [first] = prefill(llm, [text[:8]])
    long, short = prefill(llm, [text[8:], text[8:12]], first)
    assert (long.length, short.length) == (len(text), 12)
    found = pack_losses(llm, [Pack(asked, context=long), Pack(asked, text[12:], short)])
    expected = pack_losses(llm, [Pack(asked, text)])[0]
    for losses in found:
        for ours, theirs in zip(losses, expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_a_batch_is_read_as_each_row_alone(llm: FrozenLLM) -> None:
    text, members = llm.encode(PASSAGE), prompts(llm, 2)
    [first] = prefill(llm, [text[:8]])
    together = prefill(
        llm, [text[8:], text[3:9], text[:4]], [first, None, first], [members[0], None, members[1]]
    )
    alone = [
        *prefill(llm, [text[8:]], first, [members[0]]),
        *prefill(llm, [text[3:9]]),
        *prefill(llm, [text[:4]], first, [members[1]]),
    ]
    for ours, theirs in zip(together, alone, strict=True):
        assert isinstance(ours, KeysAndValues)
        assert isinstance(theirs, KeysAndValues)
        torch.testing.assert_close(ours.keys, theirs.keys, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.values, theirs.values, atol=1e-4, rtol=1e-4)
    row = Row(None, text[:3], 6, context=together[0])
    [completion] = decode(llm, [row])
    [again] = decode(llm, [Row(members[0], [*text[8:], *text[:3]], 6, context=first)])
    assert completion.tokens == again.tokens


def test_gradients_reach_prompts_after_a_context(llm: FrozenLLM) -> None:
    [context] = prefill(llm, [llm.encode(PASSAGE)])
    members = prompts(llm, 2).requires_grad_()
    losses = pack_losses(llm, [Pack(exchanges(llm), context=context)] * 2, members)
    torch.cat(losses[0]).sum().backward()
    assert members.grad is not None
    assert members.grad[0].abs().sum() > 0
    assert members.grad[1].abs().sum() == 0


@pytest.mark.parametrize("virtual_tokens", [0, 3])
def test_rows_after_contexts_answer_as_if_they_read_everything(llm: FrozenLLM, virtual_tokens: int) -> None:
    text, question = llm.encode(PASSAGE), llm.encode("Who?")
    prompt = prompts(llm, 1, virtual_tokens)[0] if virtual_tokens else None
    long, short = prefill(llm, [text, text[:5]])
    rows = [Row(prompt, question, 6, context=context) for context in (long, short, None)]
    together = decode(llm, rows)
    for row, completion in zip(rows, together, strict=True):
        [alone] = decode(llm, [row])
        assert completion.tokens == alone.tokens
    if prompt is None:
        [plain] = decode(llm, [Row(None, [*text, *question], 6)])
        assert plain.tokens == together[0].tokens


def test_a_row_that_must_speak_does_not_begin_with_its_end(llm: FrozenLLM) -> None:
    tokens = llm.encode("Mira kept a")
    [free] = decode(llm, [Row(None, tokens, 1)])
    llm.stop_tokens  # noqa: B018 - cached before it is changed
    stop = free.tokens[0]
    try:
        llm.__dict__["stop_tokens"] = frozenset([stop])
        silent, spoken = decode(llm, [Row(None, tokens, 4), Row(None, tokens, 4, must_speak=True)])
    finally:
        del llm.__dict__["stop_tokens"]
    assert silent.tokens == []
    assert spoken.tokens
    assert spoken.tokens[0] != stop
    assert silent.silence == pytest.approx(torch.tensor(silent.log_likelihoods[0]).exp().item(), abs=1e-5)
    assert spoken.silence == pytest.approx(silent.silence, abs=1e-5)
