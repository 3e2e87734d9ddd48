import torch

from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.mixture import Mixture, Part


def prompt(llm: FrozenLLM, seed: int, virtual_tokens: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(virtual_tokens, llm.identity.hidden_size, generator=generator)


def test_a_batch_answers_as_each_row_alone(llm: FrozenLLM) -> None:
    texts = ["Who?", "What did the baker give to Mira when the lamp went dark?", "Where is Ost?"]
    rows = [
        Row(prompt(llm, number, 3 + number), llm.encode(text), 20, temperature, seed=number)
        for number, (text, temperature) in enumerate(zip(texts, (0.0, 0.7, 1.5), strict=True))
    ]
    rows.append(Row(None, llm.encode("Why?"), 7))
    together = decode(llm, rows)
    for row, completion in zip(rows, together, strict=True):
        [alone] = decode(llm, [row])
        assert alone.tokens == completion.tokens
        assert abs(alone.log_likelihood - completion.log_likelihood) < 1e-4


def test_greedy_answers_are_what_transformers_generates(llm: FrozenLLM) -> None:
    tokens = llm.encode("Mira kept a")
    [completion] = decode(llm, [Row(None, tokens, 20)])
    generated = llm.model.generate(
        input_ids=torch.tensor([tokens]),
        attention_mask=torch.ones(1, len(tokens)),
        max_new_tokens=20,
        do_sample=False,
    )
    expected = generated[0, len(tokens) :].tolist()
    if expected[-1] in llm.stop_tokens:
        expected.pop()
    assert completion.tokens == expected


def test_the_prompt_decides_the_answer(llm: FrozenLLM) -> None:
    tokens = llm.encode("Who?")
    answers = {tuple(each.tokens) for each in decode(llm, [Row(prompt(llm, n), tokens, 8) for n in range(6)])}
    assert len(answers) > 1


def test_likelihoods_are_those_of_the_tokens(llm: FrozenLLM) -> None:
    tokens = llm.encode("Every night at nine")
    [completion] = decode(llm, [Row(None, tokens, 6, temperature=0.9, seed=3)])
    ids = torch.tensor([[*tokens, *completion.tokens]])
    with torch.no_grad():
        scores = llm.model(input_ids=ids).logits.float().log_softmax(-1)
    for place, (token, found) in enumerate(
        zip(completion.tokens, completion.log_likelihoods, strict=False), start=len(tokens)
    ):
        assert abs(float(scores[0, place - 1, token]) - found) < 1e-3


def test_another_seed_draws_another_answer(llm: FrozenLLM) -> None:
    tokens = llm.encode("Who?")
    rows = [Row(None, tokens, 10, temperature=1.5, top_p=1.0, seed=seed) for seed in range(5)]
    assert len({tuple(each.tokens) for each in decode(llm, rows)}) > 1


def test_a_narrow_nucleus_is_the_likeliest_token(llm: FrozenLLM) -> None:
    tokens = llm.encode("Where is Ost?")
    drawn, greedy = decode(
        llm, [Row(None, tokens, 10, temperature=2.0, top_p=1e-9, seed=1), Row(None, tokens, 10)]
    )
    assert drawn.tokens == greedy.tokens


def test_a_wide_nucleus_holds_the_unlikely_half_too(llm: FrozenLLM) -> None:
    tokens = llm.encode("Who?")
    unlikely = set(llm.logits(tokens).argsort()[: len(llm.head) // 4].tolist()) - set(llm.stop_tokens)
    # As good as uniform over the vocabulary.
    rows = [Row(None, tokens, 1, temperature=1000.0, top_p=1.0, seed=seed) for seed in range(64)]
    assert any(unlikely & set(completion.tokens) for completion in decode(llm, rows))


def test_a_row_that_nobody_wants_leaves_and_the_others_stay(llm: FrozenLLM) -> None:
    rows = [Row(prompt(llm, number), llm.encode("Who?"), 12) for number in range(3)]
    ended: list[int] = []
    left = decode(
        llm, rows, on_completion=lambda number, _: ended.append(number), is_wanted=lambda number: number != 1
    )
    whole = decode(llm, rows)
    assert sorted(ended) == [0, 2]
    assert [left[number].tokens for number in (0, 2)] == [whole[number].tokens for number in (0, 2)]
    assert left[1].tokens == whole[1].tokens[:1]


def test_a_mixture_says_what_its_rows_say_on_average(llm: FrozenLLM) -> None:
    tokens, mixture = llm.encode("Who?"), Mixture()
    shares = (0.5, 0.3, 0.2)
    rows = [
        Row(prompt(llm, number), tokens, 5, part=Part(mixture, share)) for number, share in enumerate(shares)
    ]
    alone = Row(prompt(llm, 7), tokens, 5)
    *mixed, other = decode(llm, [*rows, alone])
    assert other.tokens == decode(llm, [alone])[0].tokens
    assert len({tuple(each.tokens) for each in mixed}) == 1
    # One token after the other, by the models' own forward passes.
    said: list[int] = []
    sums = torch.tensor(shares).log()
    for _ in range(5):
        steps = []
        for row in rows:
            assert row.prompt is not None
            embedded = torch.cat([row.prompt, llm.embed(torch.tensor([*tokens, *said]))])[None]
            with torch.no_grad():
                steps.append(llm.model(inputs_embeds=embedded).logits[0, -1].float().log_softmax(-1))
        each = torch.stack(steps)
        token = int(torch.logsumexp(each + sums.log_softmax(0)[:, None], 0).argmax())
        sums = sums + each[:, token]
        if token in llm.stop_tokens:
            break
        said.append(token)
    assert mixed[0].tokens == said


def test_a_drawn_mixture_says_one_thing(llm: FrozenLLM) -> None:
    tokens, mixture = llm.encode("Who?"), Mixture()
    rows = [
        Row(prompt(llm, number), tokens, 8, 1.5, seed=number, must_speak=True, part=Part(mixture))
        for number in range(3)
    ]
    completions = decode(llm, rows)
    assert len({tuple(each.tokens) for each in completions}) == 1


def test_every_control_token_ends_an_answer(llm: FrozenLLM) -> None:
    tokens = llm.encode("Who?")
    # As good as uniform over the vocabulary.
    rows = [
        Row(None, tokens, 40, temperature=100.0, top_p=1.0, seed=seed, must_speak=True) for seed in range(64)
    ]
    completions = decode(llm, rows)
    control = set(llm.tokenizer.all_special_ids)
    assert len(control) > 1
    assert not any(control & set(completion.tokens) for completion in completions)
    assert all(completion.tokens for completion in completions)
    assert any(completion.ended for completion in completions)
