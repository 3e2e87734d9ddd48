from tests.app.bench.conftest import Bench

SIZES = ("--row-tokens", "24", "--passage-tokens", "20", "--answer-tokens", "4")


def test_steps_of_ever_more_rows_here_and_with_peft(bench: Bench) -> None:
    result, report = bench("memory", *SIZES, "--quantization", "int8")
    assert result.exit_code == 0
    for name in ("members together", "PEFT prompt tuning", "PEFT prompt tuning, prepared for k-bit"):
        own = [step for step in report["steps"] if step["name"] == name]
        assert [(step["rows"], step["tokens"]) for step in own] == [(1, 29), (2, 58), (3, 87)]
        assert name in result.stdout
    assert len(report["steps"]) == 9
    # What is resident counts on a CPU: weights and all libraries.
    assert report["head"]["footprint_bytes"] < report["idle"]["bytes"]
    kinds = {
        report["idle"]["kind"],
        report["ask"]["kind"],
        *(step["peak"]["kind"] for step in report["steps"]),
    }
    assert len(kinds) == 1
    assert f"memory: {kinds.pop()}" in result.stdout


def test_without_the_baseline_there_is_one_way(bench: Bench) -> None:
    _, report = bench("memory", *SIZES, "--no-baseline", "--members", "1")
    assert [step["name"] for step in report["steps"]] == ["members together"]


def test_after_the_seconds_only_the_answer_is_there(bench: Bench) -> None:
    result, report = bench("memory", *SIZES, "--seconds", "0")
    assert report["steps"] == []
    assert "all members answer: " in result.stderr
