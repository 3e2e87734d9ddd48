"""The main job with the embedded LLM: upload the sample book, learn its chorus, ask, list its prompts."""

import json
from importlib import resources
from pathlib import Path

from tests.service.conftest import service

SAMPLE = resources.files("app") / "sample"
# A few members, questions and steps: enough to see that members learn from what the LLM asked itself.
RECIPE = {
    "members": 2,
    "virtual_tokens": 20,
    "questions": 4,
    "passages": 3,
    "epochs": 100,
    "budget_tokens": 800,
    "learning_rate": 0.02,
    "closed": 1,
}


def test_a_book_is_learned_asked_and_listed(tmp_path: Path) -> None:
    questions = json.loads((SAMPLE / "questions.json").read_text())["questions"]
    text = (SAMPLE / "the_tidewright.md").read_text()
    with service(tmp_path) as client, resources.as_file(SAMPLE / "the_tidewright.md") as path:
        added = client.add(path, recipe=RECIPE)
        assert added.job is not None
        events = list(client.follow(added.job.id))
        assert events[-1].data["kind"] == "succeeded", events[-1].message

        [version] = client.versions()
        assert len(version.members) == 2
        assert version.base_model.id == "embedded"
        assert version.skill is not None
        assert version.study is not None
        assert any(event.data.get("kind") == "studied" for event in events)
        curves = [event.data["member_losses"] for event in events if event.type == "metrics"]
        # A step has a few of the questions, and some are harder than others: several steps are compared.
        first, last = (sum(map(sum, part)) / len(part) for part in (curves[:3], curves[-3:]))
        assert last < first

        answer = client.ask(questions[0]["question"], seed=0)
        assert answer.degraded is None
        assert answer.versions[0].version == 1
        said = [each for vote in answer.votes for each in vote.candidates]
        # Each passage has a member that reads it, for every question the same. The passages of the only book
        # have the ids 1, 2, 3: the first and the last are read by one member.
        assert said
        assert all(each.passage is not None and each.member == (each.passage - 1) % 2 for each in said)
        assert (answer.calibrated, answer.abstained) == (True, None)
        unsure = client.ask(questions[0]["question"], seed=0, min_confidence=1.0)
        assert unsure.answer is None
        assert unsure.abstained is not None
        assert any(questions[0]["passage"] in citation.text for citation in answer.citations)
        for citation in answer.citations:
            assert text[citation.start : citation.end] == citation.text
