"""What the command line shows of skills."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from app.schemas import Skill
from app.terminal.theme import GAIN, LABEL, WARN, day, plain, ruled_table, size, titled


def skills_report(skills: Sequence[Skill]) -> RenderableType:
    """Show what each LLM can answer behind: what it learned from, and which of it is the champion. Say how
    the package's own skill is had where the user has another.
    """
    table = ruled_table()
    table.add_column("LLM", ratio=1, width=12, overflow="fold")
    table.add_column("skill", justify="right", no_wrap=True)
    table.add_column("method", no_wrap=True)
    table.add_column("learned from", no_wrap=True)
    table.add_column("origin", no_wrap=True)
    table.add_column("", no_wrap=True)
    for skill in skills:
        table.add_row(
            titled(skill.llm, skill.revision),
            "" if skill.number is None else str(skill.number),
            titled(skill.method, size(skill.bytes)) if skill.method else "",
            _learning(skill),
            titled(skill.origin, None if skill.created_at is None else day(skill.created_at)),
            _champion(skill),
        )
    others = {(one.llm, one.revision) for one in skills if one.champion and one.chosen_by == "user"}
    hints = [
        _hint(one)
        for one in skills
        if one.in_package and not one.champion and (one.llm, one.revision) in others
    ]
    return Group(table, *hints)


def _learning(skill: Skill) -> Text:
    if skill.method is None:
        return Text("nothing", LABEL)
    lines = [_count(skill.stories, "stories"), _count(skill.questions, "questions")]
    if skill.decline_below is not None:
        lines.append(Text(f"declines < {skill.decline_below:.2f}", LABEL))
    return Text("\n").join(lines)


def _champion(skill: Skill) -> Text:
    if not skill.champion:
        return Text("")
    return Text.assemble(("● champion", GAIN), (f"\n{skill.chosen_by}'s", LABEL))


def _hint(skill: Skill) -> Text:
    named = "A skill" if skill.number is None else f"Skill {skill.number}"
    said = plain(f"{named} of {skill.llm} comes with this package and is not in use: ", WARN)
    return said.append("bookchorus skill use shipped", "bold")


def _count(number: int | None, of: str) -> Text:
    return Text(f"{of} not known", LABEL) if number is None else Text(f"{number:,} {of}")
