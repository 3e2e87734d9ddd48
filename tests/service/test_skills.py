"""A service says which skills there are, which it has loaded, and what a restart takes."""

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx

from app.answering.skill import LoadedSkill, register_skill
from app.client import Client
from store.database import Database
from tests.service.conftest import service
from tests.warm.commands import python
from trainer.llm.frozen_llm import FrozenLLM

KEY = {"Authorization": "Bearer sesame"}


def listed(client: Client) -> tuple[list[tuple[object, ...]], str]:
    """Number, origin, whether it is the champion and whether it is loaded, of each of the service's LLM."""
    answer: dict[str, Any] = httpx.get(f"{client.url}/admin/skills", headers=KEY, trust_env=False).json()
    assert {one["object"] for one in answer["data"]} == {"skill"}
    shown = [one for one in answer["data"] if one["llm"] != "embedded"]
    return [(one["number"], one["origin"], one["champion"], one["loaded"]) for one in shown], answer["detail"]


def use(folder: Path, model: Path, wanted: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    words = ["skill", "use", wanted, "--data-dir", str(folder / "data"), "--model", str(model)]
    command = python("-m", "app.cli", *words, imported="service")
    done = subprocess.run(command, capture_output=True, text=True, env=clean, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_a_service_says_what_it_has_loaded_and_what_a_restart_takes(
    tiny_folder: Path, tmp_path: Path, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    model = ("--model", str(tiny_folder))
    with service(tmp_path, *model, admin_key="sesame") as client:
        assert httpx.get(f"{client.url}/admin/skills", trust_env=False).status_code == 401
        assert listed(client) == ([(None, "instruction", True, True)], "")
        database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
        register_skill(database, llm.identity, skill)
        database.close()
        told = client.registry.skills()
        assert [(one.number, one.champion, one.loaded) for one in told.data if one.llm != "embedded"] == [
            (1, True, False),
            (None, False, True),
        ]
        shown, detail = listed(client)
        assert told.detail == detail
        assert shown == [(1, "learned", True, False), (None, "instruction", False, True)]
        assert detail == "The service takes skill 1 when it is started again."
    with service(tmp_path, *model, admin_key="sesame") as client:
        assert listed(client) == ([(1, "learned", True, True), (None, "instruction", False, False)], "")
        use(tmp_path, tiny_folder, "instruction")
        shown, detail = listed(client)
        assert shown == [(1, "learned", False, True), (None, "instruction", True, False)]
        assert detail == "The service takes the instruction when it is started again."
    with service(tmp_path, *model, admin_key="sesame") as client:
        assert listed(client) == ([(1, "learned", False, False), (None, "instruction", True, True)], "")
