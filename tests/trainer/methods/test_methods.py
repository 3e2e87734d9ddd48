"""Every method: learned by each family it is for, kept as bytes, and answering as it was learned."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from tests import tiny
from trainer.joint_training import train
from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.microbatches import Microbatches
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.llm.scoring import mean_losses
from trainer.methods.dispatch import initial_members, member_from_bytes
from trainer.methods.members import Members, join_members
from trainer.methods.prefix import Prefixes
from trainer.methods.tensors import FormatError, tensors_from_bytes, tensors_to_bytes
from trainer.objectives.lm import LanguageModelling
from trainer.options import Method, Quantization
from trainer.progress import Learned
from trainer.recipe import Recipe

METHODS = get_args(Method)
RECIPE = Recipe(members=3, virtual_tokens=6, rank=4, row_tokens=24, epochs=8, heldout=0.2)
SHORT = 1.0
CASES = [
    (family, method)
    for family in get_args(tiny.Family)
    for method in METHODS
    if not (method == "prefix" and family in ("t5", "flan_t5"))
]


def made(folder: Path, family: tiny.Family, quantization: Quantization = "none") -> FrozenLLM:
    model = tiny.save(folder / "model", family=family)
    return load(str(model), device="cpu", dtype="float32", quantization=quantization, cache_dir=folder)


def recipe(method: Method, **more: object) -> Recipe:
    # A low-rank change grows with the square of what is learned.
    rate = 0.005 if method == "lora" else 0.02
    return RECIPE.model_copy(update={"method": method, "learning_rate": rate, **more})


def learned(llm: FrozenLLM, wish: Recipe, start: Members | None = None, pass_tokens: int = 8192) -> Learned:
    objective = LanguageModelling(llm, tiny.STORY, wish, microbatches=Microbatches(llm.device, pass_tokens))
    *_, last = train(llm, objective, wish, start=start)
    assert isinstance(last, Learned)
    return last


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FrozenLLM, Method, Learned]:
    family, method = request.param
    llm = made(tmp_path_factory.mktemp(family), family)
    return llm, method, learned(llm, recipe(method))


Case = tuple[FrozenLLM, Method, Learned]


@pytest.fixture(scope="module")
def short(case: Case) -> Learned:
    """What the case learns in a few steps, to compare with other ways to the same."""
    llm, method, _ = case
    return learned(llm, recipe(method, epochs=SHORT))


def test_every_member_learns(case: Case) -> None:
    _, _, last = case
    assert len(last.members) == 3
    for member in range(3):
        first, end = ([step[member] for step in part] for part in (last.curve[:5], last.curve[-5:]))
        assert sum(end) < sum(first) - 0.05


def test_the_weights_stay_as_they_are(case: Case) -> None:
    llm, method, _ = case
    before = [parameter.clone() for parameter in llm.model.parameters()]
    learned(llm, recipe(method, epochs=1.0))
    for old, new in zip(before, llm.model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None


def test_joint_training_equals_training_each_member_alone(case: Case, short: Learned) -> None:
    llm, method, _ = case
    wish = recipe(method, epochs=SHORT)
    objective = LanguageModelling(llm, tiny.STORY, wish)
    starts = initial_members(llm, objective.text, wish)
    for member in range(3):
        alone = learned(llm, recipe(method, members=1, seed=member, epochs=SHORT), starts[[member]])
        expected = [losses[member] for losses in short.curve]
        assert [losses[0] for losses in alone.curve] == pytest.approx(expected, abs=1e-3)
        assert alone.after.member_losses == pytest.approx([short.after.member_losses[member]], abs=1e-3)


def test_passes_of_any_size_come_to_the_same(case: Case, short: Learned) -> None:
    llm, method, _ = case
    apart = learned(llm, recipe(method, epochs=SHORT), pass_tokens=1)
    for name, tensor in short.members.tensors.items():
        torch.testing.assert_close(apart.members.tensors[name], tensor, atol=2e-3, rtol=2e-3)


def test_what_was_kept_scores_as_it_did(case: Case) -> None:
    llm, method, last = case
    kept = join_members([member_from_bytes(method, data, llm) for data in last.members.artifacts()])
    for name, tensor in last.members.tensors.items():
        assert torch.equal(kept.tensors[name], tensor)
    wish = recipe(method, members=3, learning_rate=1e-12, epochs=0.1)
    assert learned(llm, wish, kept).before.member_losses == pytest.approx(last.after.member_losses, abs=1e-5)


def test_what_is_read_behind_a_member_is_what_it_learned_to_read(case: Case) -> None:
    """An answer after [member][passage] in parts has the losses that it has as one row of training."""
    llm, _, last = case
    passage, asked, said = (llm.encode(text) for text in ("Mira kept a lamp.", " Who? ", "Mira"))
    members = last.members.detached(llm.device)
    for number, context in enumerate(members.contexts(llm, None)):
        [known] = prefill(llm, [passage], [context])
        [[parts]] = pack_losses(llm, [Pack([Exchange(asked, said)], context=known)])
        at = members.condition(llm, [number], [None])
        [[whole]] = pack_losses(
            llm, [Pack([Exchange([*passage, *asked], said)], context=at.contexts[0])], at.prompts
        )
        assert parts.tolist() == pytest.approx(whole.tolist(), abs=1e-3)


def test_members_answer_in_one_batch_as_they_do_alone(case: Case) -> None:
    llm, _, last = case
    contexts = last.members.detached(llm.device).contexts(llm, None)
    tokens = llm.encode("Who kept a lamp?")
    rows = [
        Row(None, tokens, length, context=one)
        for one, length in zip([*contexts, None], (3, 9, 6, 9), strict=True)
    ]
    for row, together in zip(rows, decode(llm, rows), strict=True):
        [alone] = decode(llm, [row])
        assert alone.tokens == together.tokens
        assert alone.log_likelihood == pytest.approx(together.log_likelihood, abs=1e-3)


def test_members_change_what_is_said(case: Case) -> None:
    """A check of the checks above: without its member a row has another loss."""
    llm, _, last = case
    row = llm.encode(tiny.STORY)[:24]
    context = last.members.detached(llm.device).contexts(llm, None)[0]
    [conditioned], [bare] = (mean_losses(llm, None, [row], one) for one in (context, None))
    assert abs(conditioned - bare) > 0.02


def test_other_bytes_are_refused(case: Case) -> None:
    llm, method, last = case
    with pytest.raises(FormatError, match="safetensors"):
        member_from_bytes(method, b"pickle", llm)
    with pytest.raises(FormatError):
        member_from_bytes(method, tensors_to_bytes({"other": torch.zeros(2, 2)}), llm)
    tensors = tensors_from_bytes(last.members.artifacts()[0])
    with pytest.raises(FormatError):
        member_from_bytes(
            method, tensors_to_bytes({name: each[:, :-1] for name, each in tensors.items()}), llm
        )
    with pytest.raises(FormatError, match="finite"):
        member_from_bytes(
            method, tensors_to_bytes({name: each * torch.nan for name, each in tensors.items()}), llm
        )


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize(("family", "method"), CASES)
def test_a_quantized_llm_learns_and_answers(
    tmp_path: Path, family: tiny.Family, method: Method, quantization: Quantization
) -> None:
    """One loaded model answers, learns, answers as its losses say, and learns the same again."""
    llm = made(tmp_path, family, quantization)
    tokens = llm.encode("Who kept a lamp?")
    before = decode(llm, [Row(None, tokens, 8)])[0]
    once = learned(llm, recipe(method, members=2, epochs=SHORT))
    last = learned(llm, recipe(method, members=2))
    assert sum(map(sum, last.curve[-5:])) < sum(map(sum, last.curve[:5])) - 0.1
    contexts = last.members.detached(llm.device).contexts(llm, None)
    answers = decode(llm, [Row(None, tokens, 8, context=one) for one in contexts])
    for context, said in zip(contexts, answers, strict=True):
        exchange = Exchange(tokens, said.tokens or [0])
        [[losses]] = pack_losses(llm, [Pack([exchange], context=context)])
        if said.tokens:
            assert (-losses).tolist() == pytest.approx(said.log_likelihoods[: len(losses)], abs=0.05)
    after = decode(llm, [Row(None, tokens, 8)])[0]
    assert after == before
    again = learned(llm, recipe(method, members=2, epochs=SHORT))
    assert again.after.member_losses == pytest.approx(once.after.member_losses, abs=1e-3)


def test_a_prefix_starts_from_what_its_prompt_says(tmp_path: Path) -> None:
    llm = made(tmp_path, "llama")
    prompts, prefixes = (
        initial_members(llm, llm.encode(tiny.STORY), recipe(each)) for each in ("prompt", "prefix")
    )
    row = llm.encode("Mira kept a green lamp.")
    for member in range(3):
        [one], [other] = (
            mean_losses(llm, None, [row], each.contexts(llm, None)[member]) for each in (prompts, prefixes)
        )
        assert one == pytest.approx(other, abs=1e-4)


def test_the_first_position_of_a_prefix_stays_as_it_is(tmp_path: Path) -> None:
    llm = made(tmp_path, "llama")
    wish = recipe("prefix")
    start = initial_members(llm, LanguageModelling(llm, tiny.STORY, wish).text, wish)
    last = learned(llm, wish).members
    assert isinstance(start, Prefixes)
    assert isinstance(last, Prefixes)
    for before, after in ((start.keys, last.keys), (start.values, last.values)):
        assert torch.equal(before[:, :, :, 0], after[:, :, :, 0])
        assert not torch.equal(before[:, :, :, 1], after[:, :, :, 1])


def test_an_encoder_decoder_refuses_a_prefix_and_members_behind(tmp_path: Path) -> None:
    llm = made(tmp_path, "flan_t5")
    for wish in (recipe("prefix"), recipe("lora", placement="behind")):
        with pytest.raises(ValueError, match="use the method prompt or lora, with the placement front"):
            initial_members(llm, llm.encode(tiny.STORY), wish)


@pytest.mark.parametrize("method", ["prefix", "lora"])
def test_only_prompts_are_appended_to(tmp_path: Path, method: Method) -> None:
    llm = made(tmp_path, "llama")
    wish = recipe(method)
    start = initial_members(llm, llm.encode(tiny.STORY), wish)
    objective = LanguageModelling(llm, tiny.STORY, wish)
    with pytest.raises(ValueError, match="nothing can be appended"):
        list(train(llm, objective, wish, start=start, frozen=start))


def test_members_of_another_method_are_no_start(tmp_path: Path) -> None:
    llm = made(tmp_path, "llama")
    start = initial_members(llm, llm.encode(tiny.STORY), recipe("prefix"))
    with pytest.raises(ValueError, match="method prompt, to start from; got 3 of 6, prefix"):
        learned(llm, recipe("prompt"), start)
