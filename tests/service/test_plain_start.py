"""A service as its users start it, which has imported nothing that it does not import itself."""

from pathlib import Path

from app.cli.tour import Sample
from tests.service.conftest import plain_service

SAMPLE = Path(__file__).parents[2] / "app" / "sample"


def test_the_embedded_llm_answers_by_drawing_and_without(tmp_path: Path) -> None:
    sample = Sample.model_validate_json((SAMPLE / "questions.json").read_bytes())
    first = sample.questions[0]
    with plain_service(tmp_path, trains="false") as (client, _):
        client.add(SAMPLE / sample.book)
        assert client.ask(first.question).answer in first.answers
        drawn = client.ask(first.question, samples=2, temperature=0.7, seed=1)
        assert len({one.sample for vote in drawn.votes for one in vote.candidates}) == 2
