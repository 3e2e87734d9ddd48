"""What the command line shows of the reports."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.bench.answering import AnswerReport
from app.bench.llm_spec import Setup
from app.bench.memory import MemoryReport
from app.bench.peak import Peak
from app.bench.profiling import Profile
from app.bench.training import BOOK_TOKENS, TrainReport
from app.terminal.theme import LABEL, duration, ruled_table, size

# A limit's unit, and what the device's own speed was measured with.
_LIMITS = {"operations": ("GFLOP/s", "a large matrix product"), "bytes": ("GB/s", "a large copy")}


def training_table(report: TrainReport) -> Group:
    """The ways to learn, the factor between them, and where the time goes."""
    rows = _table("learning", "a step", "tokens/s", f"book of {BOOK_TOKENS:,}", "peak memory")
    for speed in report.ways:
        rows.add_row(
            speed.name,
            duration(speed.step_seconds),
            f"{speed.tokens_per_second:,.0f}",
            duration(speed.book_seconds),
            _peak(speed.peak),
        )
    workload = (
        f"{report.members} members x {report.rows} rows x ({report.virtual_tokens} virtual + "
        f"{report.row_tokens} tokens) = {report.step_tokens:,} tokens a step; {report.steps} steps counted "
        f"after {report.warmup_steps}, or as many as there was time for; the book is read once by each member"
    )
    factor = [] if report.ratio is None else [f"together {report.ratio:.2f} times as fast as one by one"]
    return _report(report.head, workload, rows, [*factor, _memory_kind(report.ways[0].peak)], report.profile)


def answering_table(report: AnswerReport) -> Group:
    """The ways to answer, the factor between them, and where the time goes."""
    rows = _table("answering", "answers", "seconds", "tokens/s", "peak memory")
    for speed in report.ways:
        rows.add_row(
            speed.name,
            str(speed.answers),
            duration(speed.seconds),
            f"{speed.tokens_per_second:,.1f}",
            _peak(speed.peak),
        )
    workload = (
        f"{report.members} members of {report.virtual_tokens} virtual tokens; {report.passage_tokens} tokens "
        f"of passage, {report.question_tokens} of question, {report.answer_tokens} of answer; "
        f"medians of {report.times}"
    )
    factor = [] if report.ratio is None else [f"a batch {report.ratio:.2f} times as fast as one by one"]
    return _report(report.head, workload, rows, [*factor, _memory_kind(report.ways[0].peak)], report.profile)


def memory_table(report: MemoryReport) -> Group:
    """The peaks, and what each is above the weights alone."""
    rows = _table("memory", "rows", "tokens", "peak memory", "above idle")
    rows.add_row("weights", "", "", size(report.head.footprint_bytes), "")
    rows.add_row("idle: weights loaded", "", "", _peak(report.idle), "")
    rows.add_row("all members answer", str(report.members), "", *_peak_and_above(report.ask, report.idle))
    for step in report.steps:
        rows.add_row(
            f"a step, {step.name}",
            str(step.rows),
            f"{step.tokens:,}",
            *_peak_and_above(step.peak, report.idle),
        )
    workload = (
        f"rows of {report.virtual_tokens} virtual + {report.row_tokens} tokens, all in one pass; "
        f"{report.passage_tokens} tokens of passage, {report.answer_tokens} of answer"
    )
    return _report(report.head, workload, rows, [_memory_kind(report.idle)], None)


def _report(setup: Setup, workload: str, rows: Table, notes: Iterable[str], profile: Profile | None) -> Group:
    parts: list[RenderableType] = [
        *_setup(setup),
        Text(workload, LABEL),
        rows,
        *(Text(note) for note in notes),
    ]
    return Group(*parts, *([] if profile is None else _profile(profile)))


def _setup(setup: Setup) -> list[Text]:
    threads = f", {setup.threads} threads" if setup.threads else ""
    multiplied = "" if setup.quantization == "none" else f" ({setup.arithmetic})"
    return [
        Text(f"{setup.shape}, random weights: ", "bold").append(
            f"{setup.layers} layers, {setup.parameters / 1e6:,.0f} M parameters, "
            f"{size(setup.footprint_bytes)}, {setup.quantization}{multiplied}, {setup.dtype}",
            "not bold",
        ),
        Text(f"{setup.device}{threads}"),
        Text(", ".join(f"{name} {version}" for name, version in setup.libraries.items()), LABEL),
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
    rows = ruled_table(expand=False)
    rows.add_column(first, no_wrap=True)
    for title in others:
        rows.add_column(title, justify="right", no_wrap=True)
    return rows


def _peak(peak: Peak) -> str:
    held = "" if peak.reserved is None else f" ({size(peak.reserved)} reserved)"
    return size(peak.bytes) + held


def _peak_and_above(peak: Peak | None, idle: Peak) -> tuple[str, str]:
    if peak is None:
        return "does not fit", ""
    return _peak(peak), size(max(0, peak.bytes - idle.bytes))


def _memory_kind(peak: Peak) -> str:
    return f"memory: {peak.kind}"
