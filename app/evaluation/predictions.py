"""The answers of systems, kept line by line so that a stopped run goes on where it was."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.datasets.questions import DataError

Share = Annotated[float, Field(ge=0, le=1)]


class Prediction(BaseModel):
    """One system's answer to one question, and how good it is.

    `nll` is the mean loss of the reference answer; `book_hit` says whether passages of the right book were
    found; `passage_ranks` are the ranks, from 1, at which gold sections were. `seconds` is how long a
    question took that was asked alone. None is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    system: str
    story: str
    question: int
    answer: str
    nll: float | None
    confidence: Share | None
    seconds: Annotated[float, Field(ge=0)] | None
    book_hit: bool | None
    passage_ranks: list[Annotated[int, Field(ge=1)]] | None
    rouge_l: Share
    token_f1: Share
    exact_match: Share


class Ledger:
    """Predictions in a JSONL file that one process at a time adds to.

    A line that a crash left half-written, the last, does not count and makes room for the next prediction.
    DataError: another line is broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[tuple[str, str, int], Prediction] = {}
        data = path.read_bytes() if path.exists() else b""
        # A whole line ends with a line end: what comes after the last one is half a line.
        self._half_line = data.rpartition(b"\n")[2]
        for number, line in enumerate(data.split(b"\n")[:-1], start=1):
            try:
                self._keep(Prediction.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                field = "".join(f"{part}: " for part in first["loc"])
                raise DataError(f"{path}, line {number}: {field}{first['msg']}.") from error

    def add(self, prediction: Prediction) -> None:
        """Write a prediction to the file; it replaces an earlier one of the same system and question."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._half_line:
            os.truncate(self._path, self._path.stat().st_size - len(self._half_line))
            self._half_line = b""
        with self._path.open("ab") as file:
            file.write(prediction.model_dump_json().encode() + b"\n")
        self._keep(prediction)

    def has(self, system: str, story: str, question: int) -> bool:
        """Tell whether the system's answer to the story's question of this number is here."""
        return (system, story, question) in self._found

    def all(self) -> list[Prediction]:
        """Return the predictions in the order in which their questions were first answered."""
        return list(self._found.values())

    def _keep(self, prediction: Prediction) -> None:
        self._found[prediction.system, prediction.story, prediction.question] = prediction
