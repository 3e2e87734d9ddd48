"""The files for a Ray cluster against the code that they name: read as text, no cluster is started."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from app.settings import Settings

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "deploy/ray/serve.yaml").read_text())
SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/ray/rayservice.yaml").read_text())
[APPLICATION] = CONFIG["applications"]


def test_the_config_names_a_function_of_the_package() -> None:
    module, name = APPLICATION["import_path"].split(":")
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_its_name_and_its_deployments_are_those_of_the_code() -> None:
    tree = ast.parse((ROOT / "app/cluster/deployments.py").read_text())
    values = {
        target.id: value.value
        for each in tree.body
        if isinstance(each, ast.Assign)
        for targets in each.targets
        for target, value in zip(
            targets.elts if isinstance(targets, ast.Tuple) else [targets],
            each.value.elts if isinstance(each.value, ast.Tuple) else [each.value],
            strict=True,
        )
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant)
    }
    assert APPLICATION["name"] == values["NAME"]
    named = [each["name"] for each in APPLICATION["deployments"]]
    assert sorted(named) == sorted(str(values[name]) for name in ("WEB", "ANSWERER", "TRAINER"))


def test_its_arguments_are_settings() -> None:
    assert Settings(**APPLICATION["args"]).model == APPLICATION["args"]["model"]


def test_kubernetes_deploys_the_same() -> None:
    inside = yaml.safe_load(SERVICE["spec"]["serveConfigV2"])
    assert inside == {name: value for name, value in CONFIG.items() if name != "http_options"}


def test_kubernetes_has_room_for_the_least_of_each_deployment() -> None:
    groups = SERVICE["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    gpus = sum(
        each["minReplicas"] * int(container["resources"]["limits"].get("nvidia.com/gpu", 0))
        for each in groups
        for container in each["template"]["spec"]["containers"]
    )
    least = sum(
        each.get("num_replicas", each.get("autoscaling_config", {}).get("min_replicas", 1))
        * each["ray_actor_options"].get("num_gpus", 0)
        for each in APPLICATION["deployments"]
    )
    assert gpus >= least


def test_its_release_of_ray_is_the_pinned_one() -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert f"ray=={SERVICE['spec']['rayClusterConfig']['rayVersion']}" in pins
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(each.startswith("ray[serve]") for each in extras["ray"])
