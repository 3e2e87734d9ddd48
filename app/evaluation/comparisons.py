"""One system compared with the others, question by question."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.datasets.metrics import INTERVAL, paired_interval
from app.evaluation.bootstrap import Bootstrap, clusters, possible
from app.evaluation.predictions import Prediction
from app.evaluation.report import by_story

# What is compared with the others: the first of these that was asked.
_FIRST = ("chorus", "skill_apart", "skill")
_OTHERS = (
    "bare",
    "rag",
    "gold",
    "skill",
    "skill_gold",
    "skill_closed",
    "skill_apart",
    "member",
    "best member",
)


@dataclass(frozen=True)
class Comparison:
    """The mean ROUGE-L of `system` minus that of `other`, over the questions that both were asked.

    `interval` holds the mean difference, `bootstrap` says what it resamples. On `above` of `stories` the
    system's mean is higher.
    """

    system: str
    other: str
    mean: float
    interval: tuple[float, float]
    bootstrap: Bootstrap
    questions: int
    above: int
    stories: int

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.system} - {self.other}: {self.mean:+.3f} ({INTERVAL}% {low:+.3f} to {high:+.3f}), "
            f"above on {self.above} of {self.stories} stories"
        )


def compared(found: Sequence[Prediction], bootstrap: Bootstrap) -> list[Comparison]:
    """The chorus compared with each other system; without it, the readers behind the skill, and without
    those too, the skill. And each member without a passage with the skill without one.
    """
    everything = [*found, *best_members(found)]
    asked = {one.system for one in everything}
    first = [name for name in _FIRST if name in asked][:1]
    pairs = [(one, other) for one in first for other in _OTHERS if other in asked and other != one]
    closed = sorted(name for name in asked if name.startswith("member_closed"))
    pairs += [(one, "skill_closed") for one in closed if "skill_closed" in asked]
    compared_with = [_comparison(everything, one, other, bootstrap) for one, other in pairs]
    return [one for one in compared_with if one is not None]


def best_members(found: Sequence[Prediction]) -> list[Prediction]:
    """The member with the best mean ROUGE-L on each story, chosen with hindsight."""
    best = []
    for system in ("member", "member_closed"):
        members = sorted({one.system for one in found if one.system.startswith(f"{system} ")})
        scores = {name: by_story(found, name) for name in members}
        for story in sorted({story for own in scores.values() for story in own}):
            winner = max(members, key=lambda name: scores[name].get(story, -1.0))
            best += [
                one.model_copy(update={"system": f"best {system}"})
                for one in found
                if one.system == winner and one.story == story
            ]
    return best


def _comparison(
    found: Sequence[Prediction], system: str, other: str, bootstrap: Bootstrap
) -> Comparison | None:
    ours, theirs = (
        {(one.story, one.question): one for one in found if one.system == name} for name in (system, other)
    )
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return None
    stories = [story for story, _ in both]
    first, second = ([own[key] for key in both] for own in (ours, theirs))
    a, b = ([one.rouge_l for one in own] for own in (first, second))
    high, low = by_story(first, system), by_story(second, other)
    return Comparison(
        system=system,
        other=other,
        mean=sum(a) / len(a) - sum(b) / len(b),
        interval=paired_interval(a, b, clusters(stories, bootstrap)),
        bootstrap=possible(stories, bootstrap),
        questions=len(both),
        above=sum(high[story] > low[story] for story in high),
        stories=len(high),
    )
