"""What the command line shows of a check."""

from rich.text import Text

from app.doctor.check import Check, State
from app.terminal.theme import BAD, GAIN, LABEL, WARN, plain

_STYLES: dict[State, str] = {"ok": GAIN, "warning": WARN, "fault": BAD}


def check_lines(check: Check) -> list[Text]:
    """Its state, its name and what was seen; below that how to mend it, where there is something to mend."""
    state = Text(f"{check.state:<7}", _STYLES[check.state])
    lines = [Text.assemble(state, "  ", (f"{check.name:<12}", LABEL), "  ", plain(check.seen))]
    return lines + ([Text.assemble(" " * 23, plain(check.mend, LABEL))] if check.mend else [])
