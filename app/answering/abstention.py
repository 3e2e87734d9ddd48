"""When an answer is not given, and why: its confidence is too low."""

from app.answering.types import Abstention, Verdict

# From this probability or share on, something is more likely than not.
_LIKELY = 0.5


def abstention(verdict: Verdict, min_confidence: float | None) -> Abstention | None:
    """Why the verdict's answer is not given; None where it is.

    It is not given below `min_confidence` or, where nobody asks for any, below the verdict's own threshold.
    """
    least = verdict.decline_below if min_confidence is None else min_confidence
    if least is None or verdict.confidence >= least:
        return None
    sure = f"The confidence is {verdict.confidence:.1%}, where at least {least:.1%} is needed."
    if not verdict.votes:
        return Abstention("not-told", f"No reader found an answer in what it read. {sure}")
    if verdict.answerable is not None and verdict.answerable < _LIKELY:
        return Abstention("not-told", f"The book does not seem to tell this. {sure}")
    share = verdict.votes[0].share
    if share < _LIKELY:
        return Abstention(
            "disagreed", f"The readers disagree: the best answer has {share:.0%} of the votes. {sure}"
        )
    said = f"The best answer has {share:.0%} of the votes, but is not sure enough."
    return Abstention("unsure", f"{said} {sure}")
