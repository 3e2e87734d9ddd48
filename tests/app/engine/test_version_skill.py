from dataclasses import replace
from pathlib import Path

import torch

from app.answering.skill import LoadedSkill, active_skill, instruction_skill, register_skill
from app.answering.weighting import Weighting
from app.engine.scheduler import Scheduler
from app.engine.version_skill import version_skill
from store import versions
from tests.app.training.test_job_runner import GOOD, Desk
from tests.databases import new_database
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.skill import initial_skill, skill_from_bytes


def test_the_skill_of_a_version_is_the_one_that_it_was_learned_behind(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    database, scheduler = new_database(tmp_path / "bookchorus.db"), Scheduler(llm)
    desk = Desk(database, scheduler, tmp_path)
    desk.skill = instruction_skill(llm)
    desk.learn({**GOOD, "epochs": 1})
    louder = skill.skill.with_tensors([2 * tensor for tensor in skill.skill.tensors.values()])
    register_skill(
        database, llm.identity, LoadedSkill(louder, louder.to_bytes(), skill.weighting, {}, {}, {})
    )
    desk.skill = active_skill(database, llm)
    desk.learn({**GOOD, "epochs": 1})
    written = initial_skill(llm).tensors["keys"]
    for number, expected in ((1, written), (2, 2 * written)):
        with database.read() as session:
            given = version_skill(session, versions.get(session, desk.book.id, number))
        assert given is not None
        torch.testing.assert_close(given(llm).tensors["keys"], expected, rtol=0.01, atol=0.01)
    # The same skill with a fit of its own is another row: the version was learned behind both.
    weighting = Weighting(answerable=9.0, retrieval=9.0, log_likelihood=9.0)
    anew = register_skill(database, llm.identity, replace(desk.skill, weighting=weighting))
    desk.learn({**GOOD, "epochs": 1})
    desk.skill = active_skill(database, llm)
    assert (anew.number, desk.skill.id, desk.skill.weighting) == (2, anew.id, weighting)
    desk.learn({**GOOD, "epochs": 1})
    with database.read() as session:
        behind = [versions.get(session, desk.book.id, number) for number in (2, 3, 4)]
        assert len({version.skill_id for version in behind}) == 2
        assert {version.data["skill"] for version in behind} == {desk.skill.digest}
        for version in behind:
            given = version_skill(session, version)
            assert given is not None
            assert given(llm).to_bytes() == skill_from_bytes(desk.skill.artifact).to_bytes()
    # Words that another release had are not this one's.
    with database.write() as session:
        version = versions.get(session, desk.book.id, 1)
        version.data = {**version.data, "instruction": "0" * 64}
    with database.read() as session:
        assert version_skill(session, versions.get(session, desk.book.id, 1)) is None
    scheduler.close()
    database.close()
