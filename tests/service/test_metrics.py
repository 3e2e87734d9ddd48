"""The figures of a real service, compared with what was done and answered."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from app.client import Client
from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from tests.docs.pages import ROOT
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

QUESTIONS = ("Who kept a green lamp?", "What burned slowly?", "Who baked bread?")


@dataclass(frozen=True)
class Figures:
    """The samples of one look at `/metrics`."""

    text: str

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples that have this name and these labels."""
        found = [
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert found, (name, labels)
        return sum(found)

    @property
    def names(self) -> set[str]:
        families = list(text_string_to_metric_families(self.text))
        return {sample.name for family in families for sample in family.samples} | {
            one.name for one in families
        }


@dataclass(frozen=True)
class Done:
    """What was done with a service, and what it then says of itself."""

    client: Client
    jobs: list[list[dict[str, Any]]]
    answers: list[dict[str, Any]]
    figures: Figures


def figures(client: Client) -> Figures:
    return Figures(httpx.get(f"{client.url}/metrics", trust_env=False, timeout=60).text)


@pytest.fixture(scope="module")
def done(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    with service(tmp_path_factory.mktemp("metrics"), "--model", str(tiny_folder)) as client:
        events, answers = [], []
        for number in range(2):
            added = client.add(f"{STORY} {number}", title=f"Lamp {number}", recipe={**QUICK, "epochs": 2})
            assert added.job is not None
            events.append([event.data for event in client.follow(added.job.id) if event.type == "metrics"])
        with httpx.Client(base_url=client.url, trust_env=False, timeout=60) as http:
            for sure in (0.0, 0.0, 1.0):
                for question in QUESTIONS:
                    body: dict[str, Any] = {"question": question, "k": 2, "seed": 1, "min_confidence": sure}
                    if sure:
                        # Of two choices neither has all of the vote.
                        body["choices"] = ["Mira", "butter"]
                    answers.append(http.post("/ask", json=body).raise_for_status().json())
            stream = http.post(
                "/ask", json={"question": QUESTIONS[0], "k": 2, "stream": True, "min_confidence": 0}
            )
            answers.append(json.loads(re.findall(r"^data: (.*)$", stream.text, re.MULTILINE)[-1]))
            assert http.post("/ask", json={"question": ""}).status_code == 422
            assert http.get("/books/book_0000000000000000").status_code == 404
            assert http.get("/nowhere").status_code == 404
        yield Done(client, events, answers, figures(client))


def test_answers_are_counted_with_the_seconds_of_their_stages(done: Done) -> None:
    for stage in ("retrieve", "generate", "vote", "total"):
        assert done.figures("bookchorus_ask_seconds_count", stage=stage) == len(done.answers)
        told = sum(answer["timings"][stage] for answer in done.answers)
        assert done.figures("bookchorus_ask_seconds_sum", stage=stage) == pytest.approx(told)


def test_how_far_members_agree_and_when_they_abstain_is_what_was_answered(done: Done) -> None:
    answers = done.answers
    reasons = [answer["abstained"]["reason"] for answer in answers if answer["abstained"] is not None]
    assert len(reasons) == len(QUESTIONS)
    for reason in ("not-told", "disagreed", "unsure"):
        assert done.figures("bookchorus_abstentions_total", reason=reason) == reasons.count(reason)
    told = sum(answer["votes"][0]["share"] for answer in answers)
    assert done.figures("bookchorus_vote_share_ratio_sum") == pytest.approx(told)
    assert done.figures("bookchorus_confidence_ratio_sum") == pytest.approx(
        sum(answer["confidence"] for answer in answers)
    )
    heard = sum(len(vote["candidates"]) for answer in answers for vote in answer["votes"])
    assert done.figures("bookchorus_candidates_sum") == heard


def test_training_is_counted_by_its_steps(done: Done) -> None:
    steps = [step for job in done.jobs for step in job]
    assert done.figures("bookchorus_training_step_seconds_count") == len(steps) > 2
    last = done.jobs[-1][-1]
    assert done.figures("bookchorus_training_tokens_per_second") == pytest.approx(last["tokens_per_second"])
    # Of one training, the tokens of all steps are its rate times their seconds.
    rates = [job[-1]["tokens_per_second"] for job in done.jobs]
    per_second = done.figures("bookchorus_training_tokens_total") / done.figures(
        "bookchorus_training_step_seconds_sum"
    )
    assert min(rates) * 0.999 <= per_second <= max(rates) * 1.001
    assert done.figures("bookchorus_job_attempts_total", outcome="succeeded") == 2
    assert done.figures("bookchorus_job_attempts_total") == 2


def test_the_queue_is_what_is_in_the_database(done: Done) -> None:
    assert done.figures("bookchorus_database_up") == 1
    assert done.figures("bookchorus_jobs", status="succeeded") == 2
    assert done.figures("bookchorus_jobs") == 2
    assert done.figures("bookchorus_queue_age_seconds") == done.figures("bookchorus_lease_age_seconds") == 0


def test_requests_are_counted_by_route_and_not_by_what_was_sent(done: Done) -> None:
    count = "bookchorus_http_requests_total"
    assert done.figures(count, method="POST", route="/ask", status="200") == len(done.answers)
    assert done.figures(count, method="POST", route="/ask", status="422") == 1
    assert done.figures(count, route="/books/{book_id}", status="404") == 1
    assert done.figures(count, route="none", status="404") == 1
    assert done.figures("bookchorus_http_request_seconds_count", route="/ask") == len(done.answers) + 1
    assert not re.search(r"nowhere|book_0", done.figures.text)


def test_the_caches_and_the_llm_are_shown(done: Done) -> None:
    assert done.figures("bookchorus_cache_bytes", cache="contexts") > 0
    assert done.figures("bookchorus_cache_bytes", cache="members") > 0
    assert done.figures("bookchorus_context_reads_total", source="computed") > 0
    # The same was asked three times.
    assert done.figures("bookchorus_context_reads_total", source="kept") > 0
    assert done.figures("bookchorus_llm_info", device="cpu") == 1
    assert done.figures("bookchorus_asks_waiting") == 0
    assert done.figures("process_resident_memory_bytes") > 1e7


def test_openmetrics_is_given_where_it_is_accepted(done: Done) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(f"{done.client.url}/metrics", headers=accept, trust_env=False, timeout=60)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "bookchorus_ask_seconds" in {family.name for family in open_metrics(answer.text)}
    plain = httpx.get(f"{done.client.url}/metrics", trust_env=False, timeout=60)
    assert plain.headers["content-type"].startswith("text/plain")


def test_every_figure_of_the_dashboard_is_one_of_the_service(done: Done) -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    shown = {target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])}
    named = {name for query in shown for name in re.findall(r"\b(?:bookchorus|process)_\w+", query)}
    assert len(named) > 10
    assert named <= done.figures.names
    # And all there is is shown somewhere.
    families = {one.name for one in text_string_to_metric_families(done.figures.text)}
    ours = {name for name in families if name.startswith("bookchorus_") and not name.endswith("_created")}
    missing = {name for name in ours if not any(other.startswith(name) for other in named)}
    assert not missing


def test_two_services_in_one_process_do_not_mix(tmp_path: Path, llm: FrozenLLM) -> None:
    count = "bookchorus_http_requests_total"
    one, two = (build(Settings(data_dir=tmp_path / name), llm) for name in ("one", "two"))
    apps = [create_app(each) for each in (one, two)]
    here: dict[str, Any] = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 1)}
    with TestClient(apps[0], **here) as first, TestClient(apps[1], **here) as second:
        for _ in range(3):
            first.get("/books")
        second.get("/livez")
        assert Figures(first.get("/metrics").text)(count) == 3
        assert Figures(second.get("/metrics").text)(count) == 1
