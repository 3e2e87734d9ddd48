import json
from io import StringIO

import pytest
from rich.console import Console

from app.datasets.metrics import interval
from app.evaluation.predictions import Prediction
from app.evaluation.report import SystemSummary, by_story, summarise, table, to_json


def prediction(
    system: str,
    question: int,
    score: float,
    *,
    story: str = "marsh",
    nll: float | None = None,
    confidence: float | None = None,
    book_hit: bool | None = None,
    ranks: list[int] | None = None,
) -> Prediction:
    return Prediction(
        system=system,
        story=story,
        question=question,
        answer="the eel",
        nll=nll,
        confidence=confidence,
        seconds=question,
        book_hit=book_hit,
        passage_ranks=ranks,
        rouge_l=score,
        token_f1=score / 2,
        exact_match=float(score == 1),
    )


ANSWERED = [
    prediction("chorus", 1, 1.0, nll=2, confidence=0.9, book_hit=True, ranks=[1, 4]),
    prediction("bare [red]", 1, 0.5),
    prediction("chorus", 2, 0.5, confidence=0.9, book_hit=True, ranks=[5]),
    prediction("chorus", 1, 0.0, story="hill", nll=4, confidence=0.1, book_hit=False, ranks=[6]),
    prediction("chorus", 4, 0.2, story="fen", confidence=0.5, ranks=[]),
]


def shown(summaries: list[SystemSummary]) -> str:
    console = Console(file=StringIO(), width=140)
    console.print(table(summaries))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_summary_by_hand() -> None:
    chorus, bare = summarise(ANSWERED, "story")
    assert chorus.model_dump() == {
        "system": "chorus",
        "questions": 4,
        "stories": 3,
        "rouge_l": pytest.approx(1.7 / 4),
        "rouge_l_interval": interval([1.0, 0.5, 0.0, 0.2], ["marsh", "marsh", "hill", "fen"]),
        "bootstrap": "story",
        "token_f1": pytest.approx(0.85 / 4),
        "exact_match": 0.25,
        "nll": 3,
        "book_hit": pytest.approx(2 / 3),
        "recall_at_1": 0.25,
        "recall_at_5": 0.5,
        "seconds": 2,
        # Answers of at least 0.5 are right: two at 0.9, none at 0.1 and 0.5.
        "ece": pytest.approx((2 * 0.1 + 0.1 + 0.5) / 4),
        "aurc": pytest.approx(0.377, abs=0.001),
    }
    assert bare.system == "bare [red]"
    assert (bare.nll, bare.book_hit, bare.recall_at_1, bare.recall_at_5, bare.ece) == (None,) * 5
    assert summarise([], "story") == []


def test_an_interval_says_what_it_resamples() -> None:
    [chorus, bare] = summarise(ANSWERED, "question")
    assert chorus.rouge_l_interval == interval([1.0, 0.5, 0.0, 0.2])
    assert chorus.bootstrap == "question"
    # One story alone is no sample of stories.
    [one_story] = summarise(ANSWERED[:3:2], "story")
    assert one_story.rouge_l_interval == interval([1.0, 0.5])
    assert (one_story.bootstrap, bare.bootstrap) == ("question", "question")


def test_no_time_is_shown_where_questions_were_asked_at_once() -> None:
    at_once = [one.model_copy(update={"seconds": None}) for one in ANSWERED]
    assert [one.seconds for one in summarise(at_once, "story")] == [None, None]
    assert "time" not in shown(summarise(at_once, "story"))
    # Those that were asked alone, before the run was stopped, are still known.
    assert summarise([*ANSWERED[:1], *at_once[2:]], "story")[0].seconds == 1


def test_json_has_the_systems_and_what_else_there_is() -> None:
    report = json.loads(to_json(summarise(ANSWERED, "story"), {"members": 8}))
    assert report["members"] == 8
    assert [system["system"] for system in report["systems"]] == ["chorus", "bare [red]"]
    assert len(report["systems"][0]["rouge_l_interval"]) == 2
    assert report["systems"][1]["nll"] is None
    with pytest.raises(ValueError, match="own place"):
        to_json([], {"systems": []})


def test_a_table_shows_what_was_measured() -> None:
    whole = shown(summarise(ANSWERED, "story"))
    assert "bare [red]" in whole
    for word in ("0.425", "NLL", "3.000", "R@5"):
        assert word in whole
    bare = shown(summarise(ANSWERED[1:2], "story"))
    assert "0.500" in bare
    for word in ("NLL", "R@1", "ECE", "None"):
        assert word not in bare


def test_scores_by_story() -> None:
    scores = by_story(ANSWERED, "chorus")
    assert scores == {"fen": 0.2, "hill": 0.0, "marsh": 0.75}
    assert list(scores) == sorted(scores)
    assert by_story(ANSWERED, "nobody") == {}
