"""Reports of measurements as the terminal shows them."""

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.bench.answering import AskReport
from app.bench.memory import MemoryReport
from app.bench.peak import Peak
from app.bench.profiling import Profile
from app.bench.subject import Head
from app.bench.training import BOOK_TOKENS, TrainReport
from app.terminal.answers import LABEL, REST, duration, size

_LIMITS = {"operations": ("GFLOP/s", "a large matrix product"), "bytes": ("GB/s", "a large copy")}


def training_table(report: TrainReport) -> Group:
    """The ways to learn, the factor between them, and where the time goes."""
    rows = _table("learning", "a step", "tokens/s", f"book of {BOOK_TOKENS:,}", "peak memory")
    for way in report.ways:
        rows.add_row(
            way.name,
            duration(way.step_seconds),
            f"{way.tokens_per_second:,.0f}",
            duration(way.book_seconds),
            _peak(way.peak),
        )
    told = (
        f"{report.members} members x {report.rows} rows x ({report.virtual_tokens} virtual + "
        f"{report.row_tokens} tokens) = {report.step_tokens:,} tokens a step; {report.steps} steps counted "
        f"after {report.warmup_steps}; the book is read once by each member"
    )
    factor = [] if report.ratio is None else [f"together {report.ratio:.2f} times as fast as one by one"]
    return _report(report.head, told, rows, [*factor, _which(report.ways[0].peak)], report.profile)


def asking_table(report: AskReport) -> Group:
    """The ways to answer, the factor between them, and where the time goes."""
    rows = _table("answering", "answers", "seconds", "tokens/s", "peak memory")
    for way in report.ways:
        rows.add_row(
            way.name,
            str(way.answers),
            duration(way.seconds),
            f"{way.tokens_per_second:,.1f}",
            _peak(way.peak),
        )
    told = (
        f"{report.members} members of {report.virtual_tokens} virtual tokens; {report.passage_tokens} tokens "
        f"of passage, {report.question_tokens} of question, {report.answer_tokens} of answer; "
        f"medians of {report.times}"
    )
    factor = [] if report.ratio is None else [f"a batch {report.ratio:.2f} times as fast as one by one"]
    return _report(report.head, told, rows, [*factor, _which(report.ways[0].peak)], report.profile)


def memory_table(report: MemoryReport) -> Group:
    """The peaks, and what each is above the weights alone."""
    rows = _table("memory", "rows", "tokens", "peak memory", "above idle")
    rows.add_row("weights", "", "", size(report.head.footprint_bytes), "")
    rows.add_row("idle: weights loaded", "", "", _peak(report.idle), "")
    rows.add_row("all members answer", str(report.members), "", *_above(report.ask, report.idle))
    for step in report.steps:
        rows.add_row(
            f"a step, {step.name}", str(step.rows), f"{step.tokens:,}", *_above(step.peak, report.idle)
        )
    told = (
        f"rows of {report.virtual_tokens} virtual + {report.row_tokens} tokens, all in one pass; "
        f"{report.passage_tokens} tokens of passage, {report.answer_tokens} of answer"
    )
    return _report(report.head, told, rows, [_which(report.idle)], None)


def _report(head: Head, told: str, rows: Table, notes: Iterable[str], profile: Profile | None) -> Group:
    parts: list[RenderableType] = [*_head(head), Text(told, LABEL), rows, *(Text(note) for note in notes)]
    return Group(*parts, *([] if profile is None else _profile(profile)))


def _head(head: Head) -> list[Text]:
    threads = f", {head.threads} threads" if head.threads else ""
    return [
        Text(f"{head.shape}, random weights: ", "bold").append(
            f"{head.layers} layers, {head.parameters / 1e6:,.0f} M parameters, {size(head.footprint_bytes)}, "
            f"{head.quantization}, {head.dtype}",
            "not bold",
        ),
        Text(f"{head.device}{threads}"),
        Text(", ".join(f"{name} {version}" for name, version in head.libraries.items()), LABEL),
    ]


def _profile(profile: Profile) -> list[RenderableType]:
    rows = _table("where the time goes", "seconds", "share")
    for part in profile.parts:
        rows.add_row(part.kind, f"{part.seconds:.3f}", f"{part.share:.0%}")
    limit = profile.limit
    unit, what = _LIMITS[limit.what]
    reached = (
        f"{limit.reached / 1e9:,.0f} of {limit.device / 1e9:,.0f} {unit} ({limit.share:.0%} of {what} here)"
    )
    return [rows, Text(reached)]


def _table(first: str, *others: str) -> Table:
    rows = Table(box=box.SIMPLE_HEAD, header_style=LABEL, border_style=REST, pad_edge=False)
    rows.add_column(first, no_wrap=True)
    for title in others:
        rows.add_column(title, justify="right", no_wrap=True)
    return rows


def _peak(peak: Peak) -> str:
    held = "" if peak.reserved is None else f" ({size(peak.reserved)} reserved)"
    return size(peak.bytes) + held


def _above(peak: Peak | None, idle: Peak) -> tuple[str, str]:
    if peak is None:
        return "does not fit", ""
    return _peak(peak), size(max(0, peak.bytes - idle.bytes))


def _which(peak: Peak) -> str:
    return f"memory: {peak.kind}"
