import pytest

from tests.app.bench.conftest import Bench

SIZES = ("--passage-tokens", "20", "--answer-tokens", "4", "--times", "1")


@pytest.mark.parametrize("shape", ["tiny", "tiny-t5"])
def test_one_member_all_in_a_batch_and_peft(bench: Bench, shape: str) -> None:
    result, report = bench("ask", *SIZES, shape=shape)
    assert result.exit_code == 0
    ways = report["ways"]
    assert [(way["answers"], way["passage_kept"]) for way in ways] == [
        (1, False),
        (1, True),
        (3, False),
        (3, True),
        (3, False),
    ]
    for way in ways:
        assert way["tokens_per_second"] == pytest.approx(way["answers"] * 4 / way["seconds"])
        assert way["name"] in result.stdout
    assert ways[-1]["name"] == "PEFT prompt tuning, one by one"
    assert report["ratio"] == pytest.approx(ways[4]["seconds"] / ways[2]["seconds"])
    assert (report["members"], report["passage_tokens"], report["answer_tokens"]) == (3, 20, 4)


@pytest.mark.parametrize(("method", "named"), [("prefix", "prefix tuning"), ("lora", "LoRA")])
def test_members_of_every_method_answer(bench: Bench, method: str, named: str) -> None:
    _, report = bench("ask", *SIZES, "--method", method, "--quantization", "int8")
    assert (report["method"], len(report["ways"])) == (method, 5)
    assert report["ways"][-1]["name"] == f"PEFT {named}, one by one"


def test_a_profile_measures_against_copying(bench: Bench) -> None:
    result, report = bench("ask", *SIZES, "--no-baseline", "--profile", "--layers", "1")
    limit = report["profile"]["limit"]
    # Each of 4 tokens reads every matrix once, four bytes a number.
    assert limit["what"] == "bytes"
    assert limit["asked"] == 4 * 4 * (320 * 32 + (32 + 16) * 2 * 32 + 3 * 32 * 64)
    assert limit["reached"] == pytest.approx(limit["asked"] / report["ways"][3]["seconds"])
    assert "GB/s" in result.stdout
    assert report["ratio"] is None


def test_nothing_begins_after_the_seconds_and_what_there_is_is_printed(bench: Bench) -> None:
    result, report = bench("ask", *SIZES, "--times", "9", "--seconds", "0")
    assert [(way["name"], way["times"]) for way in report["ways"]] == [("one member", 1)]
    assert report["ratio"] is None
    assert f"one member: {report['ways'][0]['seconds']:.3f} s" in result.stderr


@pytest.mark.parametrize("name", ["members", "passage-tokens", "answer-tokens", "virtual-tokens"])
def test_a_size_below_one_is_refused_in_one_line(bench: Bench, name: str) -> None:
    result, _ = bench("ask", f"--{name}", "0")
    assert result.exit_code == 1
    [told] = result.stderr.splitlines()
    assert told == f"{name.replace('-', '_')}: Input should be greater than or equal to 1"
