"""`bookchorus bench scale`: what it prints, and that it is quick to start."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.bench.scale.report import ScaleReport
from tests.app.cli.runner import bookchorus

COSTS = ("--web", "0.05", "--warm", "0.2", "--reading", "0.3", "--place-bytes", "100", "--cache-bytes", "2e3")


def scale(*words: str) -> str:
    return bookchorus("bench", "scale", "--questions", "3000", *words, COLUMNS="120").output


def test_the_least_numbers_and_the_hit_rate_are_said(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    said = scale(*COSTS, "--rate", "6", "--within", "3", "--books", "100", "--json", str(file))
    report = ScaleReport.model_validate_json(file.read_text())
    assert report.latency.p99 <= 3
    assert report.setup.answerers > 1
    assert said.startswith(
        f"6 questions a second: at least {report.setup.answerers} answerers, 1 web replica\n"
    )
    assert f"read before: {report.hit_rate:.1%} of the questions" in said
    assert "an answerer keeps 2.0 kB: 20 places of 100 B" in said


def test_numbers_that_are_given_are_simulated() -> None:
    said = scale(*COSTS, "--rate", "2", "--answerers", "3", "--replicas", "2", "--dispatch", "random")
    assert said.startswith("2 questions a second: 3 answerers, 2 web replicas\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--web", "1"), "Say what a question costs: --warm, --reading in seconds, or --times with a file"),
        (("--times", "nowhere.json"), "nowhere.json cannot be read: No such file or directory."),
        ((*COSTS, "--rate", "inf"), "Input should be a finite number: rate is inf."),
        ((*COSTS, "--warm", "inf"), "Input should be a finite number: mean is inf."),
        ((*COSTS, "--within", "0"), "Give --within more than 0 seconds."),
        ((*COSTS, "--within", "0.1"), "Even an idle service needs"),
    ],
)
def test_what_cannot_be_said_is_one_line(words: tuple[str, ...], told: str) -> None:
    result = bookchorus("bench", "scale", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith(told)
    assert result.stderr.count("\n") == 1


def test_no_llm_is_imported() -> None:
    asked = (
        "import sys; from app.cli.commands import app; "
        f"app(['bench', 'scale', '--questions', '1000', *{COSTS!r}], standalone_mode=False); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True)
