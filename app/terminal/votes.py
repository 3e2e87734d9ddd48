"""What the command line shows of votes: who said what, in which passage each read it, and what it weighs."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.schemas import Answer, Candidate
from app.terminal.theme import LABEL, mean, plain, shortened

# Rows of all votes together; where there are more, each vote has `_HEAVIEST`.
_ROWS = 16
_HEAVIEST = 2
# Characters of a book's title beside its version, and of the members that are named of one passage.
_TITLE = 12
_NAMED = 9
# The columns that make a weight, and the names of their powers: `ask --help` says what they mean.
_WEIGHED = {"fits": "retrieval", "tells it": "answerable", "sure": "log_likelihood", "right": "right"}


@dataclass(frozen=True)
class _Reading:
    """The candidates of one vote that members of one version read in one passage."""

    candidates: Sequence[Candidate]

    @property
    def first(self) -> Candidate:
        return self.candidates[0]

    @property
    def weight(self) -> float:
        return sum(one.weight for one in self.candidates)

    @property
    def tells(self) -> str:
        return _percent(one.answerable for one in self.candidates)

    @property
    def sure(self) -> str:
        return _percent(math.exp(one.log_likelihood) for one in self.candidates)

    @property
    def right(self) -> str:
        return _percent(one.right for one in self.candidates)

    @property
    def members(self) -> str:
        # The API counts members from 0, people count from 1.
        numbers = [one.member + 1 for one in self.candidates if one.member is not None]
        if not numbers:
            return "bare LLM"
        each = ", ".join(_times(number, numbers.count(number)) for number in sorted(set(numbers)))
        return each if len(each) <= _NAMED else f"{len(set(numbers))} of them"


def votes_view(answer: Answer, numbers: Mapping[int, int]) -> RenderableType:
    """Show each vote with who said it, in which passage it was read, and what makes its share.

    `numbers` are those under which the passages are shown, by their ids. A few lines under the table say what
    makes a share.
    """
    candidates = [one for vote in answer.votes for one in vote.candidates]
    several = len({(one.book, one.version) for one in candidates}) > 1
    titles = {citation.book: citation.title for citation in answer.citations}
    fits = _fits(answer)
    columns: dict[str, Callable[[_Reading], str]] = {
        "member": lambda reading: reading.members,
        "passage": lambda reading: _passage(reading.first.passage, numbers),
    }
    if fits:
        columns["fits"] = lambda reading: _percent([fits.get(reading.first.passage)])
    if any(one.answerable is not None for one in candidates):
        columns["tells it"] = lambda reading: reading.tells
    columns["sure"] = lambda reading: reading.sure
    if any(one.right is not None for one in candidates):
        columns["right"] = lambda reading: reading.right
    votes = [_readings(vote.candidates) for vote in answer.votes]
    most = None if sum(map(len, votes)) <= _ROWS else _HEAVIEST
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for _ in columns:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(*(Text(head, LABEL) for head in ("share", "", *columns)))
    for place, (vote, readings) in enumerate(zip(answer.votes, votes, strict=True)):
        style = "" if place == 0 else LABEL
        shown = readings[:most]
        said = plain(vote.answer or "nothing", style)
        if len(shown) < len(readings):
            said.append(f" (read in {len(readings) - len(shown)} more)", LABEL)
        share = Text(f"{vote.share:.0%}", style)
        cells = [Text("\n".join(map(cell, shown)), style) for cell in columns.values()]
        if several:
            # What was said has a row of its own, so that the versions stand beside their members.
            table.add_row(share, said)
            versions = "\n".join(_version(reading.first, titles) for reading in shown)
            share, said = Text(), Text(versions, LABEL, no_wrap=True, overflow="ellipsis")
        table.add_row(share, said, *cells)
    return Group(table, Text(_meaning(answer, candidates, numbers, columns), LABEL))


def _fits(answer: Answer) -> dict[int | None, float]:
    """How well each passage fits the question, as a share of the one that fits best."""
    best = max((one.score for one in answer.citations), default=0.0)
    return {one.passage: max(0.0, one.score) / best for one in answer.citations} if best > 0 else {}


def _percent(values: Iterable[float | None]) -> str:
    """The mean of the values that are known, as a percentage; nothing where none is."""
    known = [value for value in values if value is not None]
    return f"{mean(known):.0%}" if known else ""


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
    answer: Answer, candidates: Sequence[Candidate], numbers: Mapping[int, int], columns: Collection[str]
) -> str:
    """What a share is made of, and what the confidence says that it does not."""
    said = [_share(columns, answer)]
    if answer.calibrated:
        said.append("The confidence is another thing: how probably the answer is right.")
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


def _share(columns: Collection[str], answer: Answer) -> str:
    """What a share is, and what a weight is made of."""
    of_choices = answer.strategy == "choices"
    powers = {} if answer.powers is None else answer.powers.model_dump()
    weighed = [
        f"{head}^{powers[name]:.2f}" if name in powers else head
        for head, name in _WEIGHED.items()
        if head in columns and not (of_choices and head == "sure")
    ]
    more = "; the choices share that by how sure it is of their words" if of_choices else ""
    return f"Share: of all weight. A reading's weight: {' x '.join(weighed)}{more} (ask --help)."
