"""What the command line shows of votes: who said what, and in which passage each read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.schemas import Answer, Candidate
from app.terminal.theme import ACCENT, LABEL, REST, mean, meter, plain, shortened

# Rows of all votes together; where there are more, each vote has `_HEAVIEST`.
_ROWS = 16
_HEAVIEST = 2
# Characters of a book's title beside its version, and members that are named of one passage.
_TITLE = 12
_NAMED = 3


@dataclass(frozen=True)
class _Reading:
    """The candidates of one vote that members of one version read in one passage."""

    candidates: Sequence[Candidate]

    @property
    def weight(self) -> float:
        return sum(one.weight for one in self.candidates)

    @property
    def tells(self) -> str:
        known = [one.answerable for one in self.candidates if one.answerable is not None]
        return f"{mean(known):.0%}" if known else ""

    @property
    def members(self) -> str:
        # The API counts members from 0, people count from 1.
        numbers = [one.member + 1 for one in self.candidates if one.member is not None]
        if not numbers:
            return "bare LLM"
        if len(set(numbers)) > _NAMED:
            return f"{len(set(numbers))} of them"
        return ", ".join(_times(number, numbers.count(number)) for number in sorted(set(numbers)))


def votes_view(answer: Answer, numbers: Mapping[int, int]) -> RenderableType:
    """Show each vote with who said it, in which passage it was read, and how much that is held to tell.

    `numbers` are those under which the passages are shown, by their ids. A last line says what the columns
    mean.
    """
    candidates = [one for vote in answer.votes for one in vote.candidates]
    several = len({(one.book, one.version) for one in candidates}) > 1
    judged = any(one.answerable is not None for one in candidates)
    titles = {citation.book: citation.title for citation in answer.citations}
    votes = [_readings(vote.candidates) for vote in answer.votes]
    most = None if sum(map(len, votes)) <= _ROWS else _HEAVIEST
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(justify="right", no_wrap=True)
    # The names of versions take the room of the bars.
    if not several:
        table.add_column(no_wrap=True, width=8)
    table.add_column(ratio=1, overflow="fold")
    if several:
        table.add_column(no_wrap=True)
    heads = ["share", "", "", "member", "passage"]
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    if judged:
        table.add_column(justify="right", no_wrap=True)
        heads.append("tells it")
    table.add_row(*(Text(head, LABEL) for head in heads))
    for place, (vote, readings) in enumerate(zip(answer.votes, votes, strict=True)):
        style = "" if place == 0 else LABEL
        shown = readings[:most]
        said = plain(vote.answer or "nothing", style)
        if len(shown) < len(readings):
            said.append(f" (read in {len(readings) - len(shown)} more)", LABEL)
        bar = meter(vote.share, ACCENT if place == 0 else REST, width=8)
        columns = [
            [one.members for one in shown],
            [_passage(one.candidates[0].passage, numbers) for one in shown],
            *([[one.tells for one in shown]] if judged else []),
        ]
        versions = [_version(one.candidates[0], titles) for one in shown]
        table.add_row(
            Text(f"{vote.share:.0%}", style),
            *((said, Text("\n".join(versions), LABEL)) if several else (bar, said)),
            *(Text("\n".join(column), style) for column in columns),
        )
    return Group(table, Text(_meaning(answer, candidates, numbers, judged=judged), LABEL))


def _readings(candidates: Sequence[Candidate]) -> list[_Reading]:
    """The candidates of a vote by version and passage, what weighs most first."""
    by_place: dict[tuple[str, int | None, int | None], list[Candidate]] = {}
    for one in candidates:
        by_place.setdefault((one.book, one.version, one.passage), []).append(one)
    return sorted(map(_Reading, by_place.values()), key=lambda reading: -reading.weight)


def _version(one: Candidate, titles: Mapping[str, str]) -> str:
    if one.version is None:
        return ""
    return plain(f"{shortened(titles.get(one.book, one.book), _TITLE)} v{one.version}").plain


def _passage(passage: int | None, numbers: Mapping[int, int]) -> str:
    if passage is None:
        return "none"
    return str(numbers[passage]) if passage in numbers else f"id {passage}"


def _times(member: int, count: int) -> str:
    return str(member) if count == 1 else f"{member} (x{count})"


def _meaning(
    answer: Answer, candidates: Sequence[Candidate], numbers: Mapping[int, int], *, judged: bool
) -> str:
    """What the columns say, and what the confidence says that they do not."""
    said = ["Share: of the weight of these answers."]
    if judged:
        said.append("Tells it: how probable the reader holds it that its passage tells the answer.")
    if answer.calibrated:
        said.append("The confidence is another thing: how probable it is that the answer is right.")
    read: dict[tuple[str, int | None, int], set[int]] = {}
    for one in candidates:
        if one.member is not None and one.passage is not None:
            read.setdefault((one.book, one.version, one.member), set()).add(one.passage)
    if any(len(passages) > 1 for passages in read.values()):
        said.append("A passage always has the same reader: a member may read two, another none.")
    heard = {one.passage for one in candidates} - {None}
    spared = sorted(number for passage, number in numbers.items() if passage not in heard)
    if heard and spared:
        which = ", ".join(map(str, spared))
        said.append(f"The answer was settled without passage{'s' * (len(spared) > 1)} {which}.")
    return " ".join(said)
