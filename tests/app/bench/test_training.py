import pytest

from tests.app.bench.conftest import Bench

SIZES = ("--row-tokens", "24", "--rows", "2", "--steps", "2")


@pytest.mark.parametrize("shape", ["tiny", "tiny-t5"])
def test_members_together_stand_beside_peft_one_by_one(bench: Bench, shape: str) -> None:
    result, report = bench("train", *SIZES, shape=shape)
    assert result.exit_code == 0
    assert report["step_tokens"] == 3 * 2 * (5 + 24)
    together, alone = report["ways"]
    assert (together["name"], alone["name"]) == ("members together", "PEFT prompt tuning, one by one")
    for way in (together, alone):
        assert way["tokens_per_second"] == pytest.approx(report["step_tokens"] / way["step_seconds"])
        # A member reads 48 tokens in a step.
        assert way["book_seconds"] == pytest.approx(2084 * way["step_seconds"])
        assert way["peak"]["bytes"] > 100_000_000
        assert way["name"] in result.stdout
    assert report["ratio"] == pytest.approx(alone["step_seconds"] / together["step_seconds"])
    assert report["profile"] is None
    assert "3 members x 2 rows x (5 virtual + 24 tokens) = 174 tokens a step" in result.stdout


def test_the_head_says_what_was_measured(bench: Bench) -> None:
    result, report = bench("train", *SIZES, "--layers", "1", "--quantization", "int8", "--no-baseline")
    head = report["head"]
    assert (head["shape"], head["layers"], head["quantization"], head["dtype"]) == (
        "tiny",
        1,
        "int8",
        "float32",
    )
    assert head["parameters"] == 320 * 32 + (32 + 16) * 2 * 32 + 3 * 32 * 64 + 3 * 32
    assert set(head["libraries"]) == {"torch", "transformers", "bitsandbytes", "peft"}
    assert f"torch {head['libraries']['torch']}" in result.stdout
    assert head["device"] in result.stdout
    assert [way["name"] for way in report["ways"]] == ["members together"]
    assert report["ratio"] is None


def test_over_quantized_weights_peft_is_measured_as_its_guides_prepare_it(bench: Bench) -> None:
    _, report = bench("train", *SIZES, "--quantization", "int8")
    assert [way["name"] for way in report["ways"]] == [
        "members together",
        "PEFT prompt tuning, one by one",
        "PEFT prompt tuning, one by one, prepared for k-bit",
    ]


@pytest.mark.parametrize(
    ("method", "named", "tokens", "ways"),
    [("prefix", "prefix tuning", 144, 2), ("lora", "LoRA", 144, 3)],
)
def test_every_method_has_its_baseline(bench: Bench, method: str, named: str, tokens: int, ways: int) -> None:
    _, report = bench("train", *SIZES, "--quantization", "int8", "--method", method, "--checkpointing", "on")
    # A prefix is computed by nobody, and PEFT refuses it with checkpointed gradients.
    assert (report["step_tokens"], len(report["ways"])) == (tokens, ways)
    assert report["ways"][1]["name"] == f"PEFT {named}, one by one"
    assert (report["checkpointing"], report["pass_tokens"]) == (True, 512)


def test_a_profile_says_where_the_time_goes_and_what_the_limit_is(bench: Bench) -> None:
    result, report = bench("train", *SIZES, "--quantization", "int8", "--no-baseline", "--profile")
    parts = {part["kind"]: part for part in report["profile"]["parts"]}
    assert sum(part["share"] for part in parts.values()) == pytest.approx(1)
    for kind in ("matrix products", "attention", "quantization", "optimiser"):
        assert parts[kind]["seconds"] > 0
        assert kind in result.stdout
    limit = report["profile"]["limit"]
    assert limit["what"] == "operations"
    assert limit["reached"] == pytest.approx(limit["asked"] / report["ways"][0]["step_seconds"])
    assert limit["share"] == pytest.approx(limit["reached"] / limit["device"])


def test_nothing_begins_after_the_seconds_and_what_there_is_is_printed(bench: Bench) -> None:
    result, report = bench("train", *SIZES, "--steps", "9", "--seconds", "0")
    assert result.exit_code == 0
    [way] = report["ways"]
    assert (way["name"], way["steps"], report["ratio"]) == ("members together", 1, None)
    assert f"members together: {way['step_seconds']:.3f} s a step" in result.stderr


def test_peft_is_measured_over_the_layers_of_bitsandbytes(bench: Bench) -> None:
    result, report = bench("train", *SIZES, "--quantization", "int8", "--method", "prefix")
    assert report["head"]["arithmetic"] == "restored"
    assert "makes tiny with bitsandbytes' layers" in result.stderr
    result, report = bench("train", *SIZES, "--quantization", "int8", "--arithmetic", "bitsandbytes")
    assert report["head"]["arithmetic"] == "bitsandbytes"
    assert "int8 (bitsandbytes)" in result.stdout
    assert "layers" not in result.stderr


def test_progress_goes_to_standard_error(bench: Bench) -> None:
    result, _ = bench("train", *SIZES, "--no-baseline")
    assert "3 members learn together" in result.stderr
    assert "learn together" not in result.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--shape", "gpt-9"), "There is no shape 'gpt-9': choose from opt-6.7b, "),
        (("--layers", "9"), "tiny has 2 layers: 9 of them cannot be had."),
        (("--device", "cuda:9"), "There is no device 'cuda:9': 0 CUDA devices are visible."),
        (("--device", "abacus"), "There is no device 'abacus': use auto, cpu, cuda or cuda:N."),
        (("--members", "0"), "members: Input should be greater than or equal to 1"),
        (("--row-tokens", "3"), "row_tokens: Input should be greater than or equal to 16"),
        (("--shape", "tiny-t5", "--method", "prefix"), "'random tiny-t5' is an encoder-decoder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(bench: Bench, words: tuple[str, ...], why: str) -> None:
    result, report = bench("train", *words)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    told = [line for line in lines if not line.startswith("makes ") and "learn together" not in line]
    assert len(told) == 1
    assert told[0].startswith(why)
    assert report == {}


def test_options_of_no_known_kind_are_refused(bench: Bench) -> None:
    for words in (("--quantization", "int3"), ("--dtype", "float8"), ("--steps", "0"), ("--method", "magic")):
        result, _ = bench("train", *words)
        assert result.exit_code == 2
