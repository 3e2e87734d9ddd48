"""What the command line shows of versions: a list, one alone, and the moves of aliases."""

import re
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.schemas import AliasMove, BaseModelIdentity, PromptMember, PromptVersion
from app.terminal.contribution import contribution_text, harm_text
from app.terminal.theme import (
    ACCENT,
    BAD,
    GAIN,
    LABEL,
    WARN,
    labelled_rows,
    loss_change,
    mean,
    moment,
    panel,
    plain,
    ruled_table,
    size,
    sparkline,
    titled,
)
from app.terminal.values import loss_words, value_text

# Who publishes a version: a worker of the service, which has another name at each start.
_WORKER = re.compile(r"worker(_[0-9a-f]{8})?")


def versions_table(versions: Sequence[PromptVersion]) -> RenderableType:
    """Show versions: of which book and LLM, what their members gained, and which aliases are on them."""
    if not versions:
        return Text.assemble(
            "No versions yet. Learn a book with: ",
            ("bookchorus add FILE", "bold"),
            ". See what is being learned with: ",
            ("bookchorus jobs", "bold"),
        )
    table = ruled_table()
    # At least so wide, also where the terminal is narrow.
    table.add_column("book and LLM", ratio=1, width=12, overflow="fold")
    table.add_column("version", justify="right", no_wrap=True)
    table.add_column("members", justify="right")
    table.add_column("held-out loss", min_width=8)
    table.add_column("adds", no_wrap=True)
    table.add_column("aliases", no_wrap=True)
    for version in versions:
        model = version.base_model
        kept = "pruned" if version.pruned else size(version.bytes)
        table.add_row(
            titled(version.book_title, f"{model.id} · {_weights(model)} weights · {kept}", version.refused),
            str(version.number) if version.parent is None else f"{version.parent} → {version.number}",
            _member_count(version),
            _heldout_loss(version),
            contribution_text(version.metrics.get("adds"), "\n"),
            Text("\n").join([plain(name, ACCENT) for name in sorted(version.aliases)]),
        )
    return table


def version_panel(version: PromptVersion) -> Panel:
    """Show a version: where it comes from, how it did beside the champion, and each member's losses."""
    rows = labelled_rows(8)
    rows.add_row("state", _state(version))
    if version.refused is not None:
        rows.add_row("refused", plain(version.refused, WARN))
    rows.add_row("aliases", plain(", ".join(version.aliases) or "none", ACCENT if version.aliases else LABEL))
    rows.add_row("learned", Text(moment(version.created_at)))
    model = version.base_model
    revision = f" at {model.revision}" if model.revision else ""
    rows.add_row("LLM", plain(f"{model.id}{revision} · {_weights(model)} weights"))
    parent = "" if version.parent is None else f", from version {version.parent}"
    rows.add_row("from", plain(f"revision {version.revision} of the text{parent}"))
    rows.add_row("adds", contribution_text(version.metrics.get("adds")))
    if (harm := harm_text(version)) is not None:
        rows.add_row("", harm)
    if version.gate is not None:
        rows.add_row("gate", _gate(version.gate))
    rows.add_row("recipe", plain(_record(version.recipe), LABEL))
    rest = {name: value for name, value in version.metrics.items() if name != "adds"}
    rows.add_row("metrics", plain(_record(rest), LABEL))
    rows.add_row("size", Text(size(version.bytes)))
    rows.add_row("", "")
    rows.add_row("members", _members(version.members))
    return panel(rows, Text.assemble(plain(version.book_title), f" · version {version.number}"))


def moves_table(moves: Sequence[AliasMove]) -> RenderableType:
    """Show what aliases were moved from and to, when, by whom and why."""
    if not moves:
        return Text("No alias was moved yet.")
    table = ruled_table()
    table.add_column("when", no_wrap=True)
    table.add_column("alias", no_wrap=True)
    table.add_column("move", no_wrap=True)
    table.add_column("who", ratio=1)
    table.add_column("why", ratio=2)
    for move in moves:
        places = [str(place) if place is not None else "none" for place in (move.from_version, move.to)]
        table.add_row(
            moment(move.at),
            plain(move.alias, ACCENT),
            " ← ".join(reversed(places)) if move.rollback else " → ".join(places),
            plain("the service" if _WORKER.fullmatch(move.who) else move.who, LABEL),
            plain(move.why or ""),
        )
    return table


def _members(members: Sequence[PromptMember]) -> Table:
    rows = Table.grid(padding=(0, 2, 0, 0))
    curves = [value for member in members for value in member.curve or []]
    low, high = (min(curves), max(curves)) if curves else (0.0, 1.0)
    for member in members:
        losses = [loss_words(loss) for loss in (member.loss_before, member.loss_after)]
        rows.add_row(
            Text(str(member.member + 1), LABEL),
            Text(sparkline(member.curve, low, high) if member.curve else "", ACCENT),
            Text(" → ".join(losses)),
            Text("damaged", BAD) if member.damaged else Text(member.sha256[:12], LABEL),
        )
    return rows


def _member_count(version: PromptVersion) -> Text:
    """How many members there are, how many of them are damaged, and their method if it is not `prompt`."""
    damaged = sum(member.damaged for member in version.members)
    count = len(version.members)
    shown = Text(f"{count - damaged} of {count}, {damaged} damaged" if damaged else str(count))
    method = str(version.recipe.get("method", "prompt"))
    return shown if method == "prompt" else shown.append("\n").append_text(plain(method, LABEL))


def _heldout_loss(version: PromptVersion) -> Text:
    """The mean loss of the members on held-out text, before learning where that is known, and after."""
    before = [member.loss_before for member in version.members if member.loss_before is not None]
    after = [member.loss_after for member in version.members if member.loss_after is not None]
    if not after:
        return Text("not measured", LABEL)
    return loss_change(mean(before), mean(after)) if before else Text(f"{mean(after):.2f}")


def _weights(model: BaseModelIdentity) -> str:
    """How the LLM's weights are kept: quantized, or as numbers of a type."""
    return model.dtype if model.quantization == "none" else model.quantization


def _state(version: PromptVersion) -> Text:
    style = {"live": GAIN, "damaged": WARN, "pruned": LABEL}[version.state]
    return Text(f"● {version.state}", style)


def _gate(gate: dict[str, Any]) -> Text:
    passed = bool(gate.get("passed"))
    verdict = "passed" if passed else "worse than the champion, forced" if gate.get("forced") else "failed"
    losses = f"{loss_words(gate.get('loss'))} against {loss_words(gate.get('champion_loss'))}"
    shown = Text.assemble((verdict, GAIN if passed else BAD), f": {losses} of version {gate.get('champion')}")
    if gate.get("answers") is not None:
        shown.append(", answers ").append_text(contribution_text(gate["answers"]))
    return shown


def _record(record: dict[str, Any]) -> str:
    return (
        ", ".join(f"{name} {value_text(value)}" for name, value in record.items() if value is not None)
        or "none"
    )
