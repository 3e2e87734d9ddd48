"""What the members of a version add to answers, and why they do not answer, as the command line shows it."""

from rich.text import Text

from app.answering.contribution import contribution
from app.schemas import PromptVersion
from app.terminal.theme import BAD, GAIN, LABEL, WARN, plain


def contribution_text(adds: object, between: str = " ") -> Text:
    """A difference with its interval, as `+.012 [-.004, .028]`: green above zero, red below, else neither.

    `between` is what parts the two, such as the end of a line.
    """
    found = contribution({"adds": adds})
    if found is None:
        return Text("not measured", LABEL)
    mean, _, interval = str(found).partition(" ")
    if not interval:
        return Text.assemble(mean, (f"{between}few questions", LABEL))
    style = BAD if found.harms else GAIN if found.low is not None and found.low > 0 else ""
    return Text.assemble((mean, style), (between + interval, LABEL))


def harm_text(version: PromptVersion, whose: str = "its members") -> Text | None:
    """Say what a version's members cost answers where they make them worse; None where that is not known."""
    adds = contribution(version.metrics)
    harm = None if adds is None else adds.told_harm(whose)
    return None if harm is None else plain(harm, WARN)


def silence_text(version: PromptVersion) -> Text | None:
    """Say why a version's members do not answer where an ask does not choose; None where they do."""
    if version.refused is not None:
        return plain(f"Its members do not answer: it was {version.refused}.", WARN)
    return harm_text(version)
