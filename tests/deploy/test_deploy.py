"""The container files against what they rely on: the Makefile's set-up, the command line and the settings.

No container engine is needed, and none is started: the files are read as text.
"""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
COMPOSE = ROOT / "deploy" / "compose.yaml"
VARIANTS = ("cpu", "nvidia")


class Instruction(NamedTuple):
    """One instruction of a Containerfile, continued lines joined: `name` is RUN, `rest` what follows."""

    name: str
    rest: str


def instructions() -> list[Instruction]:
    lines = (line for line in CONTAINERFILE.read_text().splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [Instruction(name.upper(), rest.strip()) for name, rest in pairs]


def named(name: str) -> list[str]:
    return [instruction.rest for instruction in instructions() if instruction.name == name]


def built(variant: str) -> list[Instruction]:
    """The instructions that make the last stage of a variant, those of the stages it starts from first."""
    arguments = dict(argument.split("=", 1) for argument in named("ARG")) | {"VARIANT": variant}
    base: dict[str, str] = {}
    stages: dict[str, list[Instruction]] = {}
    stage = ""
    for instruction in instructions():
        if instruction.name == "FROM":
            image, _, stage = re.sub(
                r"\$\{(\w+)\}", lambda match: arguments[match[1]], instruction.rest
            ).split()
            base[stage], stages[stage] = image, []
        elif stage:
            stages[stage].append(instruction)
    chain: list[Instruction] = []
    while stage in stages:
        chain = stages[stage] + chain
        stage = base[stage]
    return chain


def compose() -> Any:
    return yaml.safe_load(COMPOSE.read_text())


def services() -> list[Any]:
    return [pytest.param(service, id=name) for name, service in compose()["services"].items()]


def serve_command() -> list[str]:
    """What a container runs when it is told nothing."""
    [entrypoint], [command] = named("ENTRYPOINT"), named("CMD")
    return [*json.loads(entrypoint), *json.loads(command)]


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def commands() -> Iterator[list[str]]:
    yield serve_command()
    for service in compose()["services"].values():
        yield [*serve_command()[:1], *service["command"]]


def makefile_steps() -> list[str]:
    recipe = re.search(r"^\$\(VENV\)/\.installed:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert recipe
    return re.findall(r"^\t\$\(BIN\)/(pip .*)$", recipe[1], re.M)


class TestContainerfile:
    def test_every_file_copied_exists_and_reaches_the_build(self) -> None:
        patterns = [
            line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
        ]
        for copied in named("COPY"):
            for source in copied.split()[:-1]:
                assert (ROOT / source).exists(), source
                ignored = False
                for pattern in patterns:
                    if fnmatch(source, pattern.removeprefix("!")):
                        ignored = not pattern.startswith("!")
                assert not ignored, source

    def test_all_that_the_package_is_made_of_is_copied(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
        copied = {source for line in named("COPY") for source in line.split()[:-1]}
        assert {package.removesuffix("*") for package in packages} <= copied
        assert {project["project"]["readme"], *project["project"]["license-files"]} <= copied

    def test_build_arguments_are_declared_before_they_are_used(self) -> None:
        declared: set[str] = set()
        for name, rest in instructions():
            if name == "ARG":
                declared.add(rest.split("=")[0])
            else:
                assert set(re.findall(r"\$\{?(\w+)", rest)) <= declared, rest

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_packages_are_installed_by_the_steps_of_the_makefile(self, variant: str) -> None:
        steps = [rest for name, rest in built(variant) if name == "RUN" and "pip " in rest]
        # The CPU builds' index is the variant's own; an image needs no editable package and no test tools.
        plain = [re.sub(r"--extra-index-url \S+ ", "", step) for step in steps]
        assert plain == [
            step.replace("--editable '.[dev]'", "'.[postgres,bucket]'") for step in makefile_steps()
        ]
        assert any("--extra-index-url" in step for step in steps) == (variant == "cpu")

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_the_service_is_not_root_and_owns_its_data(self, variant: str) -> None:
        steps = built(variant)
        [user] = [rest for name, rest in steps if name == "USER"]
        [volume] = [rest for name, rest in steps if name == "VOLUME"]
        [created] = [rest for name, rest in steps if name == "RUN" and "useradd" in rest]
        assert f"--uid {user} " in created
        assert int(user) > 0
        assert re.search(rf"chown \S+ {volume}$", created)
        assert option(serve_command(), "--data-dir") == volume


class TestCompose:
    def test_there_is_a_profile_for_each_variant(self) -> None:
        profiles = {name: service["profiles"] for name, service in compose()["services"].items()}
        assert profiles == {variant: [variant] for variant in VARIANTS}

    @pytest.mark.parametrize("service", services())
    def test_it_builds_the_variant_with_declared_arguments(self, service: Any) -> None:
        build = service["build"]
        assert (COMPOSE.parent / build["context"]).resolve() == ROOT
        assert ROOT / build["dockerfile"] == CONTAINERFILE
        assert set(build["args"]) <= {argument.split("=")[0] for argument in named("ARG")}
        assert build["args"]["VARIANT"] == service["profiles"][0]

    @pytest.mark.parametrize("service", services())
    def test_data_lives_in_a_named_volume(self, service: Any) -> None:
        [[volume, folder]] = [mount.split(":") for mount in service["volumes"]]
        assert volume in compose()["volumes"]
        assert folder == option(service["command"], "--data-dir")

    @pytest.mark.parametrize("service", services())
    def test_it_does_not_start_without_an_admin_key(self, service: Any) -> None:
        assert option(service["command"], "--host") == "0.0.0.0"
        assert service["environment"]["BOOKCHORUS_ADMIN_KEY"].startswith("${BOOKCHORUS_ADMIN_KEY:?")

    @pytest.mark.parametrize("service", services())
    def test_health_is_asked_of_livez_on_the_port_published(self, service: Any) -> None:
        *_, port = service["ports"][0].split(":")
        kind, program, flag, code = service["healthcheck"]["test"]
        assert (kind, program, flag) == ("CMD", "python", "-c")
        urls = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
        assert f"http://127.0.0.1:{port}/livez" in urls
        assert named("EXPOSE") == [port]

    def test_only_the_nvidia_variant_asks_for_a_gpu(self) -> None:
        cpu, nvidia = (compose()["services"][variant] for variant in VARIANTS)
        [device] = nvidia["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]
        assert "deploy" not in cpu


def test_every_command_and_option_exists() -> None:
    from app.cli.commands import app

    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    for program, name, *arguments in commands():
        assert program == "bookchorus"
        assert name in command.commands
        known = {flag for parameter in command.commands[name].params for flag in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_every_setting_exists() -> None:
    from app.settings import Settings

    used = set(re.findall(r"\bBOOKCHORUS_(\w+)", CONTAINERFILE.read_text() + COMPOSE.read_text()))
    assert used
    assert {name.lower() for name in used} <= set(Settings.model_fields)


def test_the_settings_of_compose_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.settings import Settings

    for service in compose()["services"].values():
        for name, value in service["environment"].items():
            default = re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
            monkeypatch.setenv(name, default)
        Settings(host=option(service["command"], "--host"))
