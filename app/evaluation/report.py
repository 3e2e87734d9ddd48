"""Predictions summed up by system: as numbers, as JSON, as a table."""

import json
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict
from rich import box
from rich.table import Table

from app.datasets.metrics import CORRECT, INTERVAL, aurc, expected_calibration_error, interval
from app.evaluation.bootstrap import Bootstrap, clusters, possible
from app.evaluation.predictions import Prediction
from app.terminal.theme import LABEL, REST, duration, plain


class SystemSummary(BaseModel):
    """The means of one system over the questions it answered; None where nothing was measured.

    `bootstrap` says what the interval resamples.
    `recall_at_1` and `recall_at_5` are the shares of questions with a gold section among the first passages
    found, `book_hit` of those with a passage of the right book; `ece` takes answers as right by `CORRECT`,
    `aurc` by their ROUGE-L.
    """

    model_config = ConfigDict(frozen=True)

    system: str
    questions: int
    stories: int
    rouge_l: float
    rouge_l_interval: tuple[float, float]
    bootstrap: Bootstrap
    token_f1: float
    exact_match: float
    nll: float | None
    book_hit: float | None
    recall_at_1: float | None
    recall_at_5: float | None
    seconds: float | None
    ece: float | None
    aurc: float | None


def summarise(predictions: Iterable[Prediction], bootstrap: Bootstrap) -> list[SystemSummary]:
    """Sum up each system, in the order in which they first come."""
    systems: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        systems.setdefault(prediction.system, []).append(prediction)
    return [_summary(system, own, bootstrap) for system, own in systems.items()]


def to_json(summaries: Sequence[SystemSummary], extra: Mapping[str, object]) -> str:
    """Write the summaries under `systems`, and what else there is to say beside it."""
    if "systems" in extra:
        raise ValueError("`systems` is the summaries' own place.")
    report = {"systems": [summary.model_dump(mode="json") for summary in summaries], **extra}
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)


def table(summaries: Sequence[SystemSummary]) -> Table:
    """Show a row for each system, with the columns that any of them has."""
    columns = {
        "questions": [str(summary.questions) for summary in summaries],
        "ROUGE-L": [f"{summary.rouge_l:.3f}" for summary in summaries],
        f"{INTERVAL}%": ["–".join(f"{end:.3f}" for end in each.rouge_l_interval) for each in summaries],  # noqa: RUF001
        "F1": [f"{summary.token_f1:.3f}" for summary in summaries],
        "exact": [f"{summary.exact_match:.3f}" for summary in summaries],
        "NLL": [_number(summary.nll) for summary in summaries],
        "book": [_number(summary.book_hit) for summary in summaries],
        "R@1": [_number(summary.recall_at_1) for summary in summaries],
        "R@5": [_number(summary.recall_at_5) for summary in summaries],
        "ECE": [_number(summary.ece) for summary in summaries],
        "AURC": [_number(summary.aurc) for summary in summaries],
        "time": ["" if each.seconds is None else duration(each.seconds) for each in summaries],
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    rows = Table(box=box.SIMPLE_HEAD, header_style=LABEL, border_style=REST, pad_edge=False)
    rows.add_column("system", no_wrap=True)
    for title in shown:
        rows.add_column(title, justify="right", no_wrap=True)
    for number, summary in enumerate(summaries):
        rows.add_row(plain(summary.system), *(cells[number] for cells in shown.values()))
    return rows


def by_story(predictions: Iterable[Prediction], system: str) -> dict[str, float]:
    """Return the system's mean ROUGE-L on each story, in the order of their names."""
    scores: dict[str, list[float]] = {}
    for prediction in predictions:
        if prediction.system == system:
            scores.setdefault(prediction.story, []).append(prediction.rouge_l)
    return {story: fmean(scores[story]) for story in sorted(scores)}


def _summary(system: str, own: Sequence[Prediction], bootstrap: Bootstrap) -> SystemSummary:
    stories = [each.story for each in own]
    scores = [each.rouge_l for each in own]
    ranks = [each.passage_ranks for each in own if each.passage_ranks is not None]
    rated = [(each.confidence, each.rouge_l) for each in own if each.confidence is not None]
    return SystemSummary(
        system=system,
        questions=len(own),
        stories=len(set(stories)),
        rouge_l=fmean(scores),
        rouge_l_interval=interval(scores, clusters(stories, bootstrap)),
        bootstrap=possible(stories, bootstrap),
        token_f1=fmean(each.token_f1 for each in own),
        exact_match=fmean(each.exact_match for each in own),
        nll=_mean(each.nll for each in own),
        book_hit=_mean(each.book_hit for each in own),
        recall_at_1=_mean(min(found, default=2) <= 1 for found in ranks),
        recall_at_5=_mean(min(found, default=6) <= 5 for found in ranks),
        seconds=_mean(each.seconds for each in own),
        ece=expected_calibration_error(
            [confidence for confidence, _ in rated], [float(score >= CORRECT) for _, score in rated]
        )
        if rated
        else None,
        aurc=aurc(*zip(*rated, strict=True)) if rated else None,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
