"""Which pictures a report has, and what is drawn in each."""

import re
from collections.abc import Sequence
from pathlib import Path

from app.answering.reader_assignment import READERS
from app.datasets.metrics import CORRECT, interval, reliability, risk_coverage
from app.evaluation import plots
from app.evaluation.bootstrap import Bootstrap, clusters
from app.evaluation.predictions import Prediction
from app.evaluation.report import summarise

_SMALLER = re.compile(r"chorus N=(\d+)")
_REFERENCES = ("rag", "gold", "skill", "skill_apart")
_SURE = ("chorus", "chorus: share", "skill_apart")


def draw(found: Sequence[Prediction], folder: Path, bootstrap: Bootstrap) -> None:
    """Draw all pictures of these answers into the folder; those whose systems were not asked are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    systems: dict[str, list[Prediction]] = {}
    for one in found:
        systems.setdefault(one.system, []).append(one)
    _draw_members(systems, folder / "members.png", bootstrap)
    sure = {
        name: [(one.confidence, one.rouge_l) for one in systems.get(name, ()) if one.confidence is not None]
        for name in _SURE
    }
    pairs = {name: list(zip(*own, strict=True)) for name, own in sure.items() if own}
    if pairs:
        curves = {name: risk_coverage(*own) for name, own in pairs.items()}
        plots.risk_coverage_plot(curves, folder / "risk_coverage.png")
        bins = {
            name: reliability(confidences, [float(score >= CORRECT) for score in scores])
            for name, (confidences, scores) in pairs.items()
        }
        plots.reliability_plot(bins, folder / "reliability.png")
    main = [one for one in found if " " not in one.system]
    plots.systems_plot(summarise(main, bootstrap), folder / "systems.png")


def _draw_members(systems: dict[str, list[Prediction]], path: Path, bootstrap: Bootstrap) -> None:
    """Draw choruses by their number of readers, where smaller ones than the whole were heard."""
    points = {}
    for name, own in systems.items():
        smaller = _SMALLER.fullmatch(name)
        if smaller:
            points[int(smaller[1])] = _point(own, bootstrap)
    if not points:
        return
    if "chorus" in systems:
        points[READERS] = _point(systems["chorus"], bootstrap)
    lines = {name: _mean(systems[name]) for name in _REFERENCES if name in systems}
    plots.accuracy_against_members(points, path, lines)


def _point(own: Sequence[Prediction], bootstrap: Bootstrap) -> tuple[float, float, float]:
    low, high = interval([one.rouge_l for one in own], clusters([one.story for one in own], bootstrap))
    return _mean(own), low, high


def _mean(own: Sequence[Prediction]) -> float:
    return sum(one.rouge_l for one in own) / len(own)
