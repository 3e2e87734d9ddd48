"""The loss of a training, step by step, in bounded memory however long the training is."""

from collections.abc import Mapping, Sequence
from typing import Any

# A curve of fewer steps has a point for each; another one has from half as many points to all but one.
MOST_POINTS = 1024


class LossCurve:
    """Each member's training loss at each step; of a long training, the means of so many steps in a row.

    Once there are `MOST_POINTS`, each two neighbours become one, which is the mean of twice as many steps.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._stride = 1
        self._points: list[list[float]] = []
        # The sums of the steps that are no whole point yet.
        self._begun: list[float] = []

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "LossCurve":
        """Go on from what `facts` gave."""
        curve = cls()
        curve.steps, curve._stride = facts["steps"], facts["stride"]
        curve._points, curve._begun = list(facts["points"]), list(facts["begun"])
        return curve

    def facts(self) -> dict[str, Any]:
        """What to go on from, of what JSON can hold, bit by bit."""
        points, begun = list(self._points), self._begun
        return {"steps": self.steps, "stride": self._stride, "points": points, "begun": begun}

    def append(self, losses: Sequence[float]) -> None:
        """Add the losses of a step, one for each member."""
        self.steps += 1
        begun = self._begun or [0.0] * len(losses)
        self._begun = [sum(both) for both in zip(begun, losses, strict=True)]
        if self.steps % self._stride == 0:
            self._points.append([loss / self._stride for loss in self._begun])
            self._begun = []
        if len(self._points) == MOST_POINTS:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [[sum(both) / 2 for both in zip(*pair, strict=True)] for pair in pairs]
            self._stride *= 2

    def points(self) -> list[list[float]]:
        """Each point's losses, one for each member; the last point may have fewer steps than the others."""
        rest = self.steps % self._stride
        return [*self._points, *([[loss / rest for loss in self._begun]] if rest else [])]
