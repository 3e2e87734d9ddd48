"""Pictures of a report, as PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from app.datasets.metrics import INTERVAL, Bin
from app.evaluation.report import SystemSummary

INK = "#2b2f36"
FAINT = "#8a919c"
GRID = "#e4e7eb"
MAIN = "#2f7f86"
BAR = "#6fa8ad"
# Distinct to people who see fewer colours too, and by their dashes.
COLOURS = (MAIN, "#d1772c", "#6a5aa8", "#b23a48", "#5d7a3a", "#7a6a58")
LEAST_COVERAGE = 0.05
DASHES = ("-", "--", "-.", ":")


def accuracy_against_members(
    points: Mapping[int, tuple[float, float, float]],
    path: Path,
    references: Mapping[str, float] | None = None,
) -> None:
    """Draw the score (mean, low, high) of choruses by their number of members, and lines to compare with."""
    members = sorted(points)
    means, lows, highs = zip(*(points[count] for count in members), strict=True)
    with _drawing(path) as axes:
        axes.fill_between(members, lows, highs, color=MAIN, alpha=0.15, linewidth=0)
        axes.plot(members, means, color=MAIN, marker="o", linewidth=2, label=f"chorus, {INTERVAL}% interval")
        axes.errorbar(members, means, yerr=_reach(means, lows, highs), fmt="none", ecolor=MAIN, capsize=3)
        for place, (name, value) in enumerate((references or {}).items(), start=1):
            axes.axhline(value, label=name, linewidth=1.5, color=_colour(place), linestyle=_dashes(place))
        axes.set_xticks(members)
        axes.set(xlabel="members", ylabel="ROUGE-L")
        axes.margins(y=0.12)
        _legend(axes)


def risk_coverage_plot(curves: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """Draw each system's mean score on the questions it answers, when it answers only the surest."""
    with _drawing(path) as axes:
        for place, (name, curve) in enumerate(curves.items()):
            # The mean of the first few answers is noise that would hide the rest.
            drawn = [point for point in curve if point[0] >= LEAST_COVERAGE]
            coverage, scores = zip(*drawn, strict=True)
            axes.plot(
                coverage, scores, label=name, linewidth=2, color=_colour(place), linestyle=_dashes(place)
            )
        axes.set(xlabel="questions answered, surest first", ylabel="mean ROUGE-L of those", xlim=(0, 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.margins(y=0.12)
        _legend(axes)


def reliability_plot(bins: Mapping[str, Sequence[Bin]], path: Path) -> None:
    """Draw each system's score against its confidence; a larger point is more answers."""
    with _drawing(path, width=5.6, height=5.4) as axes:
        axes.plot(
            (0, 1), (0, 1), color=FAINT, linewidth=1, linestyle=(0, (4, 4)), label="perfectly calibrated"
        )
        for place, (name, found) in enumerate(bins.items()):
            confidences, scores, sizes = zip(*found, strict=True)
            axes.plot(confidences, scores, label=name, color=_colour(place), linestyle=_dashes(place))
            areas = [20 + 300 * size / sum(sizes) for size in sizes]
            axes.scatter(confidences, scores, areas, color=_colour(place), alpha=0.75, linewidths=0, zorder=3)
        axes.set(xlabel="confidence", ylabel="score", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        _legend(axes)


def systems_plot(summaries: Sequence[SystemSummary], path: Path) -> None:
    """Draw each system's ROUGE-L with its interval, the best at the top."""
    ranked = sorted(summaries, key=lambda summary: summary.rouge_l)
    means = [summary.rouge_l for summary in ranked]
    lows, highs = zip(*(summary.rouge_l_interval for summary in ranked), strict=True)
    places = range(len(ranked))
    with _drawing(path, height=1.1 + 0.5 * len(ranked)) as axes:
        axes.barh(places, means, height=0.62, color=BAR)
        reach = _reach(means, lows, highs)
        axes.errorbar(means, places, xerr=reach, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3)
        for place, mean, high in zip(places, means, highs, strict=True):
            axes.annotate(
                f"{mean:.3f}",
                (max(mean, high), place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=INK,
            )
        axes.set_yticks(places, [summary.system for summary in ranked])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.6, len(ranked) - 0.4)
        axes.set(xlabel=f"ROUGE-L, {INTERVAL}% interval", xlim=(0, max(*highs, *means, 0.01) * 1.15))


@contextmanager
def _drawing(path: Path, width: float = 7, height: float = 4.2) -> Iterator[Axes]:
    """Make axes in the common look, and the file once they are drawn on."""
    # Without pyplot a figure draws by Agg and shares no state.
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    yield axes
    figure.savefig(path, format="png", dpi=160)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _dashes(place: int) -> str:
    return DASHES[place % len(DASHES)]


def _reach(
    means: Sequence[float], lows: Sequence[float], highs: Sequence[float]
) -> tuple[list[float], list[float]]:
    """How far intervals go below and above their means; a bootstrapped interval need not contain its mean."""
    below = [max(mean - low, 0.0) for mean, low in zip(means, lows, strict=True)]
    above = [max(high - mean, 0.0) for mean, high in zip(means, highs, strict=True)]
    return below, above


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=INK, handlelength=2.6
    )
