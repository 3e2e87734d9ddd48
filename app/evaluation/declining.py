"""What a threshold on the confidence declines: few of a story's questions, most of another story's."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.datasets.metrics import abstention
from app.evaluation.predictions import Prediction
from app.evaluation.systems import ELSEWHERE

# Shares of a story's own questions that may be declined.
SHARES = (0.10, 0.15)


@dataclass(frozen=True)
class Declined:
    """Below a confidence of `least`, at most `share` of a system's questions are declined.

    `own` is how many of them are, `others` how many that were asked of another story, both from 0 to 1. The
    threshold is chosen on these very questions.
    """

    system: str
    share: float
    least: float
    own: float
    others: float

    def __str__(self) -> str:
        return (
            f"{self.system} abstains below a confidence of {self.least:.3f}: {self.own:.0%} of the "
            f"questions, {self.others:.0%} of those asked of another story"
        )


def declined(found: Sequence[Prediction], shares: Sequence[float] = SHARES) -> list[Declined]:
    """For each system that was also asked another story's questions, what each share declines."""
    said = []
    for system, elsewhere in ELSEWHERE.items():
        own, others = (
            [one.confidence for one in found if one.system == name and one.confidence is not None]
            for name in (system, elsewhere)
        )
        if not own or not others:
            continue
        for share in shares:
            least, away = abstention(own, others, share)
            said.append(Declined(system, share, least, sum(one < least for one in own) / len(own), away))
    return said
