"""The main job through a cluster, what becomes of it where parts of the cluster die, and what every engine
does, wherever its LLM works: in this process, or in the answerers of the cluster.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from fastapi.testclient import TestClient

from app.engine.engine import Engine
from app.engine.errors import EngineUnreachableError, UnwantedError
from app.engine.records import ChatTurn, DecodeRequest, MemberId, Reading
from app.http.server import create_app
from app.parsing.parsed import ParseError
from app.resources.llm import load_llm
from app.schemas import Answer, PromptVersion
from app.service.assembly import build
from app.transfer.desk import Desk
from app.transfer.refusal import ImportRefusedError
from store.errors import NotFoundError, VersionPrunedError
from tests import s3
from tests.cluster.conftest import Cluster
from tests.cluster.replicas import kill, replicas
from tests.faults.test_killed_training import RECIPE, until_step
from tests.postgres import Server
from tests.service.test_books import QUICK
from tests.tiny import STORY
from trainer.llm.weightless import load_weightless

QUESTION = "Who kept a green lamp?"


@pytest.fixture(scope="module")
def book(cluster: Cluster) -> str:
    """A book that the cluster has learned."""
    added = cluster.client.add(STORY, title="Lamp", recipe=QUICK)
    assert added.job is not None
    assert list(cluster.client.follow(added.job.id))[-1].data["kind"] == "succeeded"
    # Until its own thread has the vectors that the trainer made, the index ranks by words alone.
    assert httpx.post(f"{cluster.client.url}/admin/rebuild", trust_env=False).is_success
    return added.book.id


def said(answer: Answer) -> object:
    """The answer and what it stands on; numbers as far as they are the same for any number of threads."""
    votes = [
        (each.text, each.member, each.passage, round(each.weight, 4))
        for vote in answer.votes
        for each in vote.candidates
    ]
    cited = [each.model_dump(exclude={"share", "score"}) for each in answer.citations]
    return answer.answer, round(answer.confidence, 4), votes, cited, answer.versions


def test_a_cluster_answers_as_one_process_does(cluster: Cluster, book: str, tmp_path: Path) -> None:
    there = cluster.client.ask(QUESTION, books=[book], seed=3)
    assert there.versions[0].version == 1
    settings = cluster.settings.model_copy(update={"data_dir": tmp_path, "trains": False})
    with closing(build(settings, load_llm(settings))) as service:
        alone = TestClient(create_app(service), base_url="http://127.0.0.1", client=("127.0.0.1", 1))
        answer = alone.post("/ask", json={"question": QUESTION, "books": [book], "seed": 3}).json()
        assert said(Answer.model_validate(answer)) == said(there)
        versions = alone.get("/admin/prompts").json()["data"]
        assert [PromptVersion.model_validate(each) for each in versions] == cluster.client.versions()


def test_asks_go_on_where_an_answerer_is_killed(cluster: Cluster, book: str) -> None:
    def ask(_: int) -> object:
        return said(cluster.client.ask(QUESTION, books=[book], seed=3))

    before = ask(0)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.map(ask, range(12))
        assert next(asked) == before
        kill("Answerer")
        assert [each for each in asked if each != before] == []


def test_a_job_goes_on_where_its_trainer_is_killed(cluster: Cluster) -> None:
    job = cluster.client.add(STORY.replace("lamp", "lantern"), title="Lantern", recipe=RECIPE).job
    assert job is not None
    until_step(cluster.client, job.id, 1)
    kill("Trainer")
    assert list(cluster.client.follow(job.id))[-1].data["kind"] == "succeeded"
    assert [each.outcome for each in cluster.client.job(job.id).history] == ["vanished", "succeeded"]


def test_a_database_that_goes_away_is_told_and_comes_back(
    cluster: Cluster, book: str, server: Server
) -> None:
    before = said(cluster.client.ask(QUESTION, books=[book], seed=3))
    url = cluster.settings.database_url
    assert url is not None
    with server.refusing(url):
        answer = httpx.post(
            f"{cluster.client.url}/ask", json={"question": QUESTION}, trust_env=False, timeout=60
        )
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/store-unreachable"
        assert "retry-after" in answer.headers
    assert said(cluster.client.ask(QUESTION, books=[book], seed=3)) == before


def test_a_bucket_that_goes_away_is_told_and_comes_back(cluster: Cluster) -> None:
    added = cluster.client.add(STORY.replace("lamp", "torch"), title="Torch", recipe=QUICK)
    assert added.job is not None
    assert list(cluster.client.follow(added.job.id))[-1].data["kind"] == "succeeded"
    asked = {"question": QUESTION, "books": [added.book.id], "seed": 3}
    with s3.hanging(cluster.bucket):
        answer = httpx.post(f"{cluster.client.url}/ask", json=asked, trust_env=False, timeout=60)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/bucket-unreachable")
        assert "retry-after" in answer.headers
    answer = httpx.post(f"{cluster.client.url}/ask", json=asked, trust_env=False, timeout=60)
    assert answer.json()["versions"] == [{"book": added.book.id, "version": 1, "revision": 1}]


def test_its_processes_start_without_libraries_that_they_do_not_need(cluster: Cluster) -> None:
    for deployment in ("Answerer", "Trainer"):
        for process in replicas(deployment):
            loaded = Path(f"/proc/{process}/maps").read_text()
            assert "/torch/" in loaded
            assert "/scipy/" not in loaded


def test_the_service_logs_as_it_is_set_to(cluster: Cluster) -> None:
    cluster.client.books()
    lines = cluster.log.read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line)["level"].lower() == "info" for line in lines if line.startswith("{"))


def test_versions_leave_and_come_in_over_http(cluster: Cluster, book: str) -> None:
    url = f"{cluster.client.url}/admin/books/{book}/versions"
    sent = httpx.get(f"{url}/1/export", trust_env=False)
    assert (sent.status_code, sent.headers["content-type"]) == (200, "application/zip")
    made = httpx.post(f"{url}/import", content=sent.content, trust_env=False)
    assert (made.status_code, made.json()["number"]) == (201, 2)
    looks = [httpx.get(f"{url}/{number}/inspect", trust_env=False).json() for number in (1, 2)]
    assert looks[0]["similarity"] == looks[1]["similarity"]
    refused = httpx.post(f"{url}/import", content=b"no archive", trust_env=False)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/bad-archive")
    missing = httpx.get(f"{url}/9/export", trust_env=False)
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")


# Another book than that of other tests, which some answerers know already.
TEXT = STORY.replace("Ost", "Ust")
PASSAGES = [part.strip() for part in TEXT.split("##")[1:]]


@pytest.fixture(scope="session")
def told(cluster: Cluster) -> str:
    """A book with a pruned version 1, and a version 2 of two members."""
    added = cluster.client.add(TEXT, title="Lamp", recipe=QUICK)
    for job in (added.job, cluster.client.train(added.book.id, recipe=QUICK)):
        assert job is not None
        assert list(cluster.client.follow(job.id))[-1].data["kind"] == "succeeded"
    cluster.client.registry.promote(added.book.id, 2, force=True)
    cluster.client.registry.delete(added.book.id, 1)
    return added.book.id


def requests(told: str, **options: Any) -> list[DecodeRequest]:
    """Each member reads each passage."""
    readings = [
        Reading(MemberId(told, 2, member), (text,), QUESTION) for member in (0, 1) for text in PASSAGES
    ]
    return [DecodeRequest(reading, 8, **options) for reading in readings]


def test_it_says_which_llm_answers(engine: Engine, local: Engine) -> None:
    assert (engine.identity, engine.on_cpu, engine.alive) == (local.identity, True, True)


@pytest.mark.parametrize("text", ["", "A green lamp.", "naïve café 灯"])
def test_it_counts_tokens(engine: Engine, local: Engine, text: str) -> None:
    assert engine.count_tokens(text) == engine.token_counter()(text) == local.count_tokens(text)


def test_it_knows_who_can_answer(engine: Engine, told: str) -> None:
    roster = engine.roster(told, 2)
    assert roster.members == (MemberId(told, 2, 0), MemberId(told, 2, 1))
    assert (roster.damaged, roster.refused) == ((), None)


def test_what_is_not_there_is_refused_with_its_reason(engine: Engine, told: str) -> None:
    with pytest.raises(NotFoundError) as missing:
        engine.roster(told, 9)
    assert (missing.value.kind, missing.value.key) == ("version", f"{told}@9")
    with pytest.raises(VersionPrunedError) as pruned:
        engine.roster(told, 1)
    assert (pruned.value.book_id, pruned.value.number) == (told, 1)
    unknown = Reading(MemberId(told, 9, 0), (PASSAGES[0],), QUESTION)
    with pytest.raises(NotFoundError):
        list(engine.answer([DecodeRequest(unknown, 8)]))
    with pytest.raises(NotFoundError):
        engine.judge([unknown], ["Mira"])


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "seed": 5}, {"mixture": 0, "share": 0.25}])
def test_members_answer_alike(engine: Engine, local: Engine, told: str, options: dict[str, Any]) -> None:
    asked = requests(told, **options)
    assert dict(engine.answer(asked)) == dict(local.answer(asked))


def test_the_llm_alone_answers_alike(engine: Engine, local: Engine) -> None:
    asked = [
        DecodeRequest(Reading(MemberId("none"), (PASSAGES[1],), QUESTION), 8),
        DecodeRequest(ChatTurn("Answer in one word.", QUESTION), 8),
    ]
    assert dict(engine.answer(asked)) == dict(local.answer(asked))
    assert dict(engine.answer(asked[1:])) == dict(local.answer(asked[1:]))


def test_given_answers_are_judged_alike(engine: Engine, local: Engine, told: str) -> None:
    prompts = [request.prompt for request in requests(told)]
    assert engine.judge(prompts, ["Mira", "the baker"]) == local.judge(prompts, ["Mira", "the baker"])


def test_answers_are_not_weighed_by_another_skill_than_they_stand_on(
    cluster: Cluster, local: Engine, told: str
) -> None:
    """What weighs them takes up the answerers' skill, with the question that comes after."""
    from app.cluster.calls import Calls  # with Ray, whose import warns
    from app.cluster.remote_engine import RemoteEngine

    facts = cluster.answerers.facts.remote().result()
    before = replace(facts, skill=replace(facts.skill, digest="of the skill before"))
    engine = RemoteEngine(Calls(cluster.answerers), before, load_weightless(facts.identity))
    with pytest.raises(EngineUnreachableError):
        list(engine.answer(requests(told)))
    assert engine.skill == facts.skill
    assert dict(engine.answer(requests(told))) == dict(local.answer(requests(told)))


def test_what_was_read_is_known(engine: Engine, told: str) -> None:
    [read, *_] = [request.prompt for request in requests(told)]
    assert isinstance(read, Reading)
    unread = Reading(read.member, ("Nobody has read this.",), QUESTION)
    list(engine.answer([DecodeRequest(read, 8)]))
    assert engine.have_read([read, unread]) == [True, False]
    assert engine.have_read([]) == []


def test_what_nobody_wants_is_not_answered(engine: Engine, told: str) -> None:
    with pytest.raises(UnwantedError):
        list(engine.answer(requests(told), lambda: False))


def test_an_answer_that_is_no_longer_wanted_ends(engine: Engine, told: str) -> None:
    """The second look says no: what was on its way by then is all that comes."""
    looks = iter([True])
    asked = [DecodeRequest(request.prompt, 4000) for request in requests(told)]
    with suppress(UnwantedError):
        assert len(list(engine.answer(asked, lambda: next(looks, False)))) < len(asked)


def test_nothing_is_asked(engine: Engine) -> None:
    assert list(engine.answer([])) == []
    assert engine.judge([], ["Mira"]) == []


def test_members_as_the_skill_lets_them_start(engine: Engine, local: Engine) -> None:
    assert engine.starting_members("some") == local.starting_members("some")
    with engine.question():
        pass


def unzipped(archive: Iterator[bytes]) -> dict[str, bytes]:
    with ZipFile(BytesIO(b"".join(archive))) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_version_leaves_alike(desk: Desk, here: tuple[Engine, Desk], told: str) -> None:
    (name, archive), (same_name, same) = (each.export(told, "2") for each in (desk, here[1]))
    assert name == same_name
    assert unzipped(archive) == unzipped(same)


def test_a_version_is_looked_into_alike(desk: Desk, here: tuple[Engine, Desk], told: str) -> None:
    assert desk.inspect(told, "2") == here[1].inspect(told, "2")


def test_a_version_comes_in(desk: Desk, here: tuple[Engine, Desk], told: str) -> None:
    archive = b"".join(here[1].export(told, "2")[1])
    number = desk.take_in(told, archive, promote=False, force=False, who="test")
    assert here[1].inspect(told, str(number)).similarity == here[1].inspect(told, "2").similarity


def test_what_cannot_come_in_is_refused_with_its_reason(desk: Desk, told: str) -> None:
    with pytest.raises(ParseError) as broken:
        desk.take_in(told, b"no archive", promote=False, force=False, who="test")
    assert broken.value.slug == "bad-archive"
    empty = BytesIO()
    with ZipFile(empty, "w") as archive:
        archive.writestr("version.json", "{}")
    with pytest.raises(ImportRefusedError) as refused:
        desk.take_in(told, empty.getvalue(), promote=False, force=False, who="test")
    assert refused.value.slug == "no-adapter"
    with pytest.raises(NotFoundError):
        desk.export(told, "9")
    with pytest.raises(VersionPrunedError):
        desk.inspect(told, "1")


def test_the_figures_of_every_answerer_are_at_the_port_of_its_node(cluster: Cluster, book: str) -> None:
    import ray

    [node] = ray.nodes()
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    lines = httpx.get(url, trust_env=False).text.splitlines()
    kept = [
        line for line in lines if line.startswith("ray_bookchorus_cache_bytes") and 'cache="contexts"' in line
    ]
    assert len({part for line in kept for part in line.split(",") if part.startswith("WorkerId=")}) >= 2
    assert any(float(line.split()[-1]) > 0 for line in kept)
