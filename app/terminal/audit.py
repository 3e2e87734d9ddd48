"""What the command line shows of the audit log."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from app.schemas import AuditLine
from app.terminal.theme import BAD, GAIN, plain, ruled_table, titled


def audit_table(lines: Sequence[AuditLine]) -> RenderableType:
    """Show who did what and what came of it, in UTC."""
    table = ruled_table()
    table.add_column("when", no_wrap=True)
    table.add_column("who", overflow="fold")
    table.add_column("what", ratio=1, overflow="fold")
    table.add_column("", justify="right", no_wrap=True)
    for line in lines:
        when = datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        status = Text(str(line.status), BAD if line.status >= 400 else GAIN)
        table.add_row(when, titled(line.who, line.role), plain(f"{line.method} {line.path}"), status)
    return table
