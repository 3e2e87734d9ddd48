from pathlib import Path

import pytest
from pydantic import ValidationError

from app.datasets.questions import DataError
from app.evaluation.predictions import Ledger, Prediction


def prediction(question: int = 1, answer: str = "the eel", system: str = "chorus") -> Prediction:
    return Prediction(
        system=system,
        story="marsh",
        question=question,
        answer=answer,
        nll=None,
        confidence=0.5,
        seconds=1.5,
        book_hit=True,
        passage_ranks=[2],
        rouge_l=0.25,
        token_f1=0.5,
        exact_match=0,
    )


def test_a_prediction_is_what_it_says() -> None:
    with pytest.raises(ValidationError, match="confidence"):
        Prediction.model_validate({**prediction().model_dump(), "confidence": 1.5})
    with pytest.raises(ValidationError, match="finite"):
        Prediction.model_validate({**prediction().model_dump(), "nll": float("nan")})
    with pytest.raises(ValidationError, match="extra"):
        Prediction.model_validate({**prediction().model_dump(), "mood": "good"})


def test_what_was_added_is_there_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "ledger.jsonl"
    ledger = Ledger(path)
    assert ledger.all() == []
    ledger.add(prediction(1, "l'anguille\n\u2028“é”"))
    ledger.add(prediction(2))
    assert ledger.has("chorus", "marsh", 1)
    assert not ledger.has("bare", "marsh", 1)
    again = Ledger(path)
    assert again.all() == ledger.all() == [prediction(1, "l'anguille\n\u2028“é”"), prediction(2)]
    assert again.has("chorus", "marsh", 2)


def test_a_later_answer_replaces_the_earlier(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for answer in ("the owl", "the eel"):
        ledger.add(prediction(1, answer))
    assert ledger.all() == Ledger(tmp_path / "ledger.jsonl").all() == [prediction(1, "the eel")]


@pytest.mark.parametrize("kept", [1, 20, -4, -1])
def test_half_a_last_line_makes_room_for_the_next(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "ledger.jsonl"
    line = prediction(2, "é").model_dump_json().encode() + b"\n"
    whole = prediction(1).model_dump_json().encode() + b"\n"
    path.write_bytes(whole + line[:kept])
    ledger = Ledger(path)
    assert ledger.all() == [prediction(1)]
    assert path.read_bytes() == whole + line[:kept], "reading changes nothing"
    ledger.add(prediction(2, "é"))
    ledger.add(prediction(3))
    assert path.read_bytes().startswith(whole + line)
    assert Ledger(path).all() == [prediction(1), prediction(2, "é"), prediction(3)]


@pytest.mark.parametrize("broken", [b"{", b"", b"\xff", b'{"system": "chorus"}'])
def test_a_broken_line_elsewhere_is_an_error(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    line = prediction().model_dump_json().encode()
    path.write_bytes(b"\n".join([line, broken, line, b""]))
    with pytest.raises(DataError, match=r"ledger\.jsonl, line 2: ") as refusal:
        Ledger(path)
    assert "\n" not in str(refusal.value)
