"""The table of two skills, each alone and with members: one was trained with members in place."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.answering.types import PassageAnswer
from app.answering.weighting import Weighting
from app.engine.records import TextLoss
from app.evaluation.combinations import mixture_loss
from tests.benchmarks.readers.heard import Line, show
from tests.benchmarks.seats_and_judges import Seating, judged, score, seatings

# Of the seatings of one member, those that differ.
_TOLD = (0, 1, 4)
Figure = Callable[[Line, Weighting, Seating], float]


def print_table(lines: Mapping[str, Sequence[Line]], weighting: Weighting) -> None:
    """Print ROUGE-L and loss of each arm of `lines`, and differences with 95% intervals by story.

    Each is compared with the skill alone: first with its own, then with that of the first arm.
    """
    both = set.intersection(*({_key(line) for line in found} for found in lines.values()))
    common = {arm: [line for line in found if _key(line) in both] for arm, found in lines.items()}
    first = next(iter(common))
    for name, is_of in _groups():
        parts = {arm: [line for line in found if is_of(line)] for arm, found in common.items()}
        stories = [line["story"] for line in parts[first]]
        print(f"{name}: {len(stories)} questions of {len(set(stories))} stories")
        for what, figure in (("ROUGE-L", _rouge_l), ("loss, nats per token", _mixed_loss)):
            print(f" {what}")
            _print_arms(parts, stories, weighting, figure)
    stories = [line["story"] for line in common[first]]
    for arm, found in common.items():
        skill, member = ([line["closed_losses"][one] / line["tokens"] for line in found] for one in (0, 1))
        show(f"loss without a passage, {arm} in place, the skill", skill, skill, stories)
        show(f"loss without a passage, {arm} in place, the member", member, skill, stories)
        seating = [each for _, each in seatings()]
        alone = [_rouge_l(line, weighting, seating[0]) for line in found]
        for number in _TOLD:
            values, gains = judged(found, weighting, seating[number])
            show(f"ROUGE-L, {arm} in place, seating {number}, members judge {gains}", values, alone, stories)


def _print_arms(
    parts: Mapping[str, Sequence[Line]], stories: Sequence[str], weighting: Weighting, figure: Figure
) -> None:
    base: list[float] = []
    chosen = [each for number, each in enumerate(seatings()) if number in _TOLD]
    for arm, found in parts.items():
        alone: list[float] = []
        for name, seating in chosen:
            values = [figure(line, weighting, seating) for line in found]
            alone, base = alone or values, base or values
            show(f"  {arm} in place, {name}", values, alone, stories)
            if alone is not base:
                show("    against the first skill alone", values, base, stories)


def _groups() -> Iterator[tuple[str, Callable[[Line], bool]]]:
    """Questions that are told apart, by name."""
    yield "all", lambda _: True
    yield "a right section is among the eight", lambda line: bool({*line["gold"]} & {*line["ordinals"]})
    yield "none is", lambda line: not {*line["gold"]} & {*line["ordinals"]}
    yield "several sections", lambda line: len(line["gold"]) > 1


def _key(line: Line) -> tuple[str, int]:
    return line["story"], line["number"]


def _rouge_l(line: Line, weighting: Weighting, seating: Seating) -> float:
    """ROUGE-L of the elected answer."""
    return score(line, weighting, seating, 0.0)


def _mixed_loss(line: Line, weighting: Weighting, seating: Seating) -> float:
    """Loss per token of the expert's answer in the mixture of the seats, by their trust."""
    seats = seating(line)
    answers = []
    for reader, place in seats:
        text, answerable, log_likelihood = line["said"][reader][place]
        answers.append(PassageAnswer(text, answerable, log_likelihood, line["scores"][place]))
    losses = [TextLoss(line["losses"][reader][place], line["tokens"]) for reader, place in seats]
    return mixture_loss(losses, weighting.trust(answers))
