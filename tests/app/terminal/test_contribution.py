import pytest

from app.terminal.contribution import contribution_text
from app.terminal.theme import BAD, GAIN


@pytest.mark.parametrize(
    ("adds", "said", "style"),
    [
        ({"difference": 0.0124, "low": -0.004, "high": 0.028, "questions": 9}, "+.012 [-.004, .028]", ""),
        ({"difference": 0.5, "low": 0.25, "high": 1.0, "questions": 9}, "+.500 [.250, 1.000]", GAIN),
        ({"difference": -0.1, "low": -0.2, "high": -0.05, "questions": 9}, "-.100 [-.200, -.050]", BAD),
        ({"difference": -0.1, "low": None, "high": None, "questions": 4}, "-.100 few questions", None),
        (None, "not measured", None),
        ("nonsense", "not measured", None),
        ({"difference": "much"}, "not measured", None),
    ],
)
def test_a_difference_has_its_interval_and_a_colour_where_it_is_sure(
    adds: object, said: str, style: str | None
) -> None:
    text = contribution_text(adds)
    assert text.plain == said
    if style is not None:
        assert [str(span.style) for span in text.spans if span.start == 0] == [style] * bool(style)
