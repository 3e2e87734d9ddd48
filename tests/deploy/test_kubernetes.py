"""The manifests for Kubernetes against each other and the code that they name: read, and not applied."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app.http.routes.jobs import _KEEP_ALIVE_SECONDS
from app.settings import Settings, load
from app.transfer.import_files import MOST_IMPORT_BYTES
from store.bucket import Bucket

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/ray"
SERVE = yaml.safe_load((FOLDER / "serve.yaml").read_text())
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
# What is for Kubernetes: all but the config of a Ray cluster of one's own.
FILES = sorted(set(FOLDER.glob("*.yaml")) - {FOLDER / "serve.yaml"})
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def manifest(name: str) -> dict[str, Any]:
    [only] = manifests(name)
    return only


def pods() -> list[dict[str, Any]]:
    """The templates of the head's pod and of each group of workers, with the fewest that there are."""
    cluster = manifest("rayservice.yaml")["spec"]["rayClusterConfig"]
    head = {"least": 1, **cluster["headGroupSpec"]["template"]}
    return [
        head,
        *({"least": each["minReplicas"], **each["template"]} for each in cluster["workerGroupSpecs"]),
    ]


def containers() -> list[dict[str, Any]]:
    return [container for pod in pods() for container in pod["spec"]["containers"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_manifest_says_what_it_is_and_that_nobody_tried_it(file: Path) -> None:
    for each in yaml.safe_load_all(file.read_text()):
        assert {"apiVersion", "kind"} <= set(each)
        assert each["kind"] == "Kustomization" or each["metadata"]["name"].startswith("bookchorus")
    assert "\n# Not tried: no Kubernetes ran where this was written." in file.read_text()


def test_the_kustomization_lists_every_manifest_but_the_database() -> None:
    listed = {FOLDER / name for name in KUSTOMIZATION["resources"]}
    assert listed == set(FILES) - {FOLDER / "kustomization.yaml", FOLDER / "postgresql.yaml"}


def test_no_two_manifests_are_the_same_thing() -> None:
    named = [
        (each["kind"], each["metadata"]["name"])
        for file in FILES
        for each in manifests(file.name)
        if each["kind"] != "Kustomization"
    ]
    assert len(named) == len(set(named))


def test_every_setting_exists() -> None:
    used = {name for file in FILES for name in re.findall(r"\bBOOKCHORUS_(\w+)", file.read_text())}
    assert {"ARTIFACTS", "ARTIFACT_BYTES", "ADMIN_KEY", "DATABASE_URL"} <= used
    assert {name.lower() for name in used} <= set(Settings.model_fields)


def test_the_settings_are_accepted_and_name_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    data = manifest("settings.yaml")["data"]
    for name, value in data.items():
        monkeypatch.setenv(name, value)  # TypeError for what is no text: Kubernetes would refuse it, too
    settings = load({})
    assert settings.artifacts
    assert Bucket(settings.artifacts, settings.artifact_bytes).url == data["BOOKCHORUS_ARTIFACTS"]


def test_the_variables_of_the_bucket_are_those_of_the_docs() -> None:
    text = "".join(file.read_text() for file in FILES)
    used = set(re.findall(r"\bAWS_[A-Z_]+", text))
    assert {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= used
    assert used <= set(re.findall(r"\bAWS_[A-Z_]+", (ROOT / "docs/operations.md").read_text()))


def test_every_pod_has_the_settings_the_secret_and_the_database() -> None:
    database, settings = manifest("postgresql.yaml"), manifest("settings.yaml")
    for container in containers():
        [url] = [each for each in container["env"] if each["name"] == "BOOKCHORUS_DATABASE_URL"]
        # The operator's secret has the cluster's name; without the cluster, the URL is in our own.
        uri = {"name": f"{database['metadata']['name']}-app", "key": "uri", "optional": True}
        assert url["valueFrom"]["secretKeyRef"] == uri
        assert [next(iter(each.values()))["name"] for each in container["envFrom"]] == [
            settings["metadata"]["name"],
            re.findall(r"create secret generic (\S+)", (FOLDER / "kustomization.yaml").read_text())[0],
        ]


def test_the_image_is_one_that_is_built_and_that_the_kustomization_renames() -> None:
    composed = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert {each["image"] for each in containers()} == {composed["nvidia"]["image"]}
    [image] = KUSTOMIZATION["images"]
    assert composed["nvidia"]["image"] == f"{image['name']}:{image['newTag']}"


def test_the_image_has_what_kuberay_asks_for_health_by() -> None:
    installed = re.findall(r"apt-get install ([^&]+)", (ROOT / "deploy/Containerfile").read_text())
    assert "wget" in " ".join(installed).split()


def test_requests_go_to_the_port_that_serve_listens_on() -> None:
    [rule] = manifest("ingress.yaml")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    service = path["backend"]["service"]
    assert service["name"] == f"{manifest('rayservice.yaml')['metadata']['name']}-serve-svc"
    assert service["port"] == {"number": SERVE["http_options"]["port"]}
    assert (path["path"], path["pathType"]) == (SERVE["applications"][0]["route_prefix"], "Prefix")


def test_every_host_has_a_certificate() -> None:
    spec = manifest("ingress.yaml")["spec"]
    certified = [host for each in spec["tls"] for host in each["hosts"] if each["secretName"]]
    assert sorted(certified) == sorted(rule["host"] for rule in spec["rules"])


def annotations(ending: str) -> list[str]:
    """The values of an annotation, of F5's NGINX and of ingress-nginx."""
    found = manifest("ingress.yaml")["metadata"]["annotations"]
    assert all(isinstance(value, str) for value in found.values())
    return [value for name, value in found.items() if name.endswith(f"/{ending}")]


def test_the_largest_body_that_the_service_takes_passes() -> None:
    sizes = annotations("client-max-body-size") + annotations("proxy-body-size")
    assert len(sizes) == 2
    for size in sizes:
        assert int(size[:-1]) * UNITS[size[-1]] >= max(MOST_IMPORT_BYTES, Settings().max_book_bytes)


def test_events_pass_one_by_one_and_may_be_far_apart() -> None:
    assert annotations("proxy-buffering") == ["False", "off"]
    for ending in ("proxy-read-timeout", "proxy-send-timeout"):
        seconds = [int(value.removesuffix("s")) for value in annotations(ending)]
        assert len(seconds) == 2
        assert min(seconds) > 10 * _KEEP_ALIVE_SECONDS


def test_a_drained_node_takes_no_last_pod_and_can_be_drained() -> None:
    for budget in manifests("disruption.yaml"):
        wanted = budget["spec"]["selector"]["matchLabels"].items()
        [pod] = [each for each in pods() if wanted <= each["metadata"]["labels"].items()]
        assert 0 < budget["spec"]["minAvailable"] < pod["least"]


def test_pods_with_a_gpu_and_no_others_go_to_nodes_that_are_kept_for_them() -> None:
    for pod in pods():
        [container] = pod["spec"]["containers"]
        has_gpu = "nvidia.com/gpu" in container["resources"]["limits"]
        tolerated = {each["key"] for each in pod["spec"].get("tolerations", [])}
        assert tolerated == ({"nvidia.com/gpu"} if has_gpu else set())
