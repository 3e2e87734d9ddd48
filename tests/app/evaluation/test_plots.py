import struct
import subprocess
import sys
from pathlib import Path

import pytest

from app.datasets.metrics import Bin
from app.evaluation.plots import (
    accuracy_against_members,
    reliability_plot,
    risk_coverage_plot,
    systems_plot,
)
from app.evaluation.report import SystemSummary


def summary(system: str, score: float, low: float, high: float) -> SystemSummary:
    return SystemSummary(
        system=system,
        questions=100,
        stories=4,
        rouge_l=score,
        rouge_l_interval=(low, high),
        bootstrap="question",
        token_f1=score,
        exact_match=0,
        nll=None,
        book_hit=None,
        recall_at_1=None,
        recall_at_5=None,
        seconds=1,
        ece=None,
        aurc=None,
    )


def size(path: Path) -> tuple[int, int]:
    """The width and height that a PNG file says it has."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@pytest.mark.parametrize("members", [[1], [1, 2, 4, 8]])
def test_members(tmp_path: Path, members: list[int]) -> None:
    points = {count: (0.3 + count / 100, 0.28, 0.4) for count in members}
    accuracy_against_members(points, tmp_path / "a.png", {"bare LLM": 0.25, "full context": 0.35})
    accuracy_against_members(points, tmp_path / "b.png")
    assert size(tmp_path / "a.png") == size(tmp_path / "b.png") == (1120, 672)


def test_risk_and_coverage(tmp_path: Path) -> None:
    curves = {"chorus": [(0.01, 1.0), (0.5, 0.6), (1.0, 0.4)], "bare LLM": [(1.0, 0.3)]}
    risk_coverage_plot(curves, tmp_path / "a.png")
    assert size(tmp_path / "a.png")


def test_reliability(tmp_path: Path) -> None:
    reliability_plot(
        {"chorus": [Bin(0.2, 0.1, 3), Bin(0.9, 0.7, 9)], "bare LLM": [Bin(1, 0, 1)]}, tmp_path / "a.png"
    )
    assert size(tmp_path / "a.png")


def test_systems(tmp_path: Path) -> None:
    two = [summary("chorus", 0.3, 0.25, 0.35), summary("nothing said", 0, 0, 0)]
    systems_plot(two, tmp_path / "two.png")
    # An interval need not hold its mean.
    systems_plot([*two, summary("odd", 0.5, 0.51, 0.6)], tmp_path / "three.png")
    assert size(tmp_path / "three.png")[1] > size(tmp_path / "two.png")[1]


def test_pyplot_and_its_global_state_stay_out() -> None:
    check = "import sys, app.evaluation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=Path(__file__).parents[3])
