"""Members that are spared could not have changed the answer."""

from hypothesis import assume, given
from hypothesis import strategies as st

from app.answering.early_stopping import settled
from app.answering.election import elect
from app.answering.normalisation import normalised
from app.answering.types import PassageAnswer
from app.answering.weighting import Weighting

TEXTS = ["green lamp", "lamp", "butter", "the baker's butter", "at nine", "seven copper kettles"]
SCORES = st.floats(0.05, 1.0)
# Mostly far worse than the best, or nothing would ever be settled and there would be nothing to check.
FAR = st.floats(0.05, 0.1) | st.floats(0.05, 0.3) | SCORES
SAID = st.builds(PassageAnswer, st.sampled_from(TEXTS), SCORES, st.floats(-3.0, 0.0), SCORES)


@given(
    heard=st.lists(SAID, min_size=1, max_size=6),
    rest=st.lists(
        st.tuples(FAR, st.sampled_from([*TEXTS, "unicorn"]), st.floats(0, 1)), min_size=1, max_size=6
    ),
    ceiling=st.floats(-6.0, -3.0) | st.floats(-3.0, 0.0),
)
def test_what_is_settled_stays(
    heard: list[PassageAnswer], rest: list[tuple[float, str, float]], ceiling: float
) -> None:
    weighting = Weighting(answerable=0.8, retrieval=2.7, log_likelihood=2.1, ceiling=ceiling)
    scores = [score for score, _, _ in rest]
    assume(settled(heard, scores, weighting))
    top = max([*scores, *(one.retrieval for one in heard)])
    masses = weighting.masses(heard, top)
    before, _ = elect(heard, masses, top)
    most = weighting.most(scores, top)
    later = [PassageAnswer(text, 0.0, 0.0, score) for score, text, _ in rest]
    answers = [*heard, *later]
    after, _ = elect(
        answers,
        [*masses, *(limit * share for limit, (_, _, share) in zip(most, rest, strict=True))],
        top,
    )
    assert normalised(answers[after].text) == normalised(answers[before].text)


def test_with_nobody_left_it_is_settled_and_with_an_equal_it_is_not() -> None:
    weighting = Weighting(answerable=1, retrieval=1, log_likelihood=1)
    one = PassageAnswer("lamp", 0.9, -0.1, 1.0)
    assert settled([one], [], weighting)
    assert not settled([one], [1.0], weighting)
    assert settled([one], [0.2], weighting)
