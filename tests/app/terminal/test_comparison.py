from collections.abc import Mapping

import pytest

from app.schemas import Comparison
from app.terminal.comparison import comparison_report, question_line
from tests.app.client.version_examples import comparison, harmful
from tests.app.terminal.rendering import line_with, shown


def with_metrics(*metrics: Mapping[str, object]) -> Comparison:
    """The example, each version with other metrics."""
    told = comparison()
    versions = [
        version.model_copy(update={"metrics": dict(each)})
        for version, each in zip(told.versions, metrics, strict=True)
    ]
    return told.model_copy(update={"versions": versions})


@pytest.mark.parametrize("width", [80, 100, 160])
def test_two_versions_side_by_side(width: int) -> None:
    text = shown(comparison_report(comparison()), width)
    assert "version 1 (champion, latest)" in " ".join(text.split())
    assert line_with(text, "held-out loss").split()[-2:] == ["3.05", "3.15"]
    assert line_with(text, "member 2").split()[-2:] == ["3.10", "3.20"]
    assert line_with(text, "recipe seed").split()[-2:] == ["0", "5"]
    assert line_with(text, "metric seconds").split()[-2:] == ["12.35", "none"]
    assert "{" not in text
    assert "A tiger.  75%" in line_with(text, "Who was caught?")
    assert "no answer  10%" in line_with(text, "Who was caught?")
    assert "written: The tiger" in text


@pytest.mark.parametrize("width", [80, 160])
def test_what_each_version_adds_is_said_as_in_the_list_of_versions(width: int) -> None:
    few = {"adds": {"difference": 0.2, "low": None, "high": None, "questions": 4}}
    text = shown(comparison_report(with_metrics(harmful(), few)), width)
    assert line_with(text, "adds").split("adds")[1].split() == [
        "-.341",
        "[-.667,",
        "-.033]",
        "+.200",
        "few",
        "questions",
    ]
    assert text.count("few questions") == 1
    # Also where it is the same of both.
    same = shown(comparison_report(with_metrics({}, {})), width)
    assert line_with(same, "adds").split() == ["adds", "not", "measured", "not", "measured"]


def test_a_member_that_one_version_does_not_have_is_not_there() -> None:
    told = comparison()
    one, other = told.versions
    [first, second] = one.members
    unmeasured = [first.model_copy(update={"loss_after": None}), second]
    for versions, lines in (
        ([one, other.model_copy(update={"members": other.members[:1]})], {1: "3.00 3.10", 2: "3.10 none"}),
        ([one.model_copy(update={"members": []}), other], {1: "none 3.10", 2: "none 3.20"}),
        ([one.model_copy(update={"members": unmeasured}), other], {1: "not measured 3.10", 2: "3.10 3.20"}),
    ):
        text = shown(comparison_report(told.model_copy(update={"versions": versions})))
        for number, cells in lines.items():
            shown_cells = line_with(text, f"member {number}").replace("\N{EN DASH}", "none").split()[2:]
            assert shown_cells == cells.split()


def test_members_that_stay_silent_in_an_ask_are_named_where_they_answered() -> None:
    harm = (
        "With the members of version 2, answers to 5 held-out questions lost .341 of ROUGE-L on average "
        "[.033, .667]: they answer only where an ask says `always`."
    )
    told = with_metrics({}, harmful())
    text = " ".join(shown(comparison_report(told)).split())
    assert text.endswith(f"{harm} Here they answered all the same.")
    assert "members of version 1" not in text
    silent = " ".join(shown(comparison_report(told.model_copy(update={"questions": []}))).split())
    assert silent.endswith(harm)
    both = shown(comparison_report(with_metrics(harmful(), harmful())))
    assert [both.count(f"With the members of version {number}, answers") for number in (1, 2)] == [1, 1]


def test_a_question_that_is_asked_is_one_line() -> None:
    assert question_line(1, 2, "Who\n[red]was caught?").plain == "question 1 of 2: Who [red]was caught?"
    assert len(question_line(10, 10, "who " * 200).plain) < 80
