"""A service whose LLM has a skill: books are studied behind it, asks go through the ensemble."""

from dataclasses import asdict
from pathlib import Path

import httpx

from app.answering.skill import LoadedSkill
from store import skills
from tests.databases import new_database
from tests.service.conftest import service
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

RECIPE = {"members": 3, "virtual_tokens": 4, "epochs": 1, "objective": "both"}


def register(folder: Path, llm: FrozenLLM, skill: LoadedSkill) -> str:
    (folder / "data").mkdir(parents=True)
    database = new_database(folder / "data" / "bookchorus.db")
    with database.write() as session:
        published = skills.publish(
            session,
            base_model=asdict(llm.identity),
            method=skill.skill.method,
            artifact=skill.artifact,
            recipe={},
            data={"source": "a test"},
            metrics={"weighting": skill.weighting.model_dump()},
        )
        row = published.id
    database.close()
    return row


def test_a_registered_skill_is_used_and_named(
    tmp_path: Path, tiny_folder: Path, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    registered = register(tmp_path, llm, skill)
    file = tmp_path / "story.md"
    file.write_text(STORY)
    with service(tmp_path, "--model", str(tiny_folder)) as client:
        added = client.add(file, recipe=RECIPE)
        assert added.job is not None
        events = list(client.follow(added.job.id))
        assert events[-1].data["kind"] == "succeeded", events[-1].message
        [version] = client.versions()
        assert version.skill == registered
        answer = client.ask("Who kept a green lamp?")
        said = [candidate for vote in answer.votes for candidate in vote.candidates]
        assert {candidate.member for candidate in said} <= {0, 1, 2}
        assert all(candidate.passage is not None for candidate in said)
        read = {citation.passage for citation in answer.citations}
        assert {candidate.passage for candidate in said} <= read
        assert answer.answer in {candidate.text for candidate in said}
        assert client.ask("Who kept a green lamp?").answer == answer.answer
        alone = client.ask("Who kept a green lamp?", members="never")
        assert {one.member for vote in alone.votes for one in vote.candidates} == {None}
        assert (alone.versions, alone.degraded) == ([], None)
        [silent] = alone.left_out
        assert (silent.book, silent.version, silent.reason) == (added.book.id, 1, "asked")
        chat = {"model": added.book.id, "messages": [{"role": "user", "content": "Who kept a green lamp?"}]}
        with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
            said = http.post("/v1/chat/completions", json={**chat, "members": "never"}).json()
            assert said["bookchorus"]["left_out"] == [silent.model_dump()]
            refused = http.post("/ask", json={"question": "Who?", "members": "some"})
            assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "body.members")
