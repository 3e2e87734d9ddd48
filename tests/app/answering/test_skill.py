"""Which skill an LLM answers behind."""

import torch

from app.answering.skill import LoadedSkill, active_skill, register_skill
from store import skills
from store.database import Database
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.skill import initial_skill


def test_an_llm_has_the_instruction_until_it_has_learned_a_skill(
    database: Database, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    first = active_skill(database, llm)
    assert (first.is_instruction, first.id, first.calibration, first.learned_from) == (
        True,
        None,
        None,
        set(),
    )
    for name, tensor in initial_skill(llm).tensors.items():
        torch.testing.assert_close(first.skill.tensors[name], tensor)
    # It is no skill of the registry, and the same words have one digest whatever the LLM's dtype.
    with database.read() as session:
        assert skills.list_skills(session) == []
    assert first.digest == active_skill(database, llm).digest
    row = register_skill(database, llm.identity, skill)
    after = active_skill(database, llm)
    assert (after.is_instruction, after.id, after.digest) == (False, row.id, row.artifact_sha256)
