"""What every engine does, wherever its LLM works: in this process, or in the answerers of a cluster."""

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from app.engine.engine import Engine
from app.engine.errors import UnwantedError
from app.engine.records import ChatTurn, DecodeRequest, MemberId, Reading
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.service.assembly import equipped_llm
from store.errors import NotFoundError, VersionPrunedError
from tests.cluster.conftest import Cluster
from tests.service.test_books import QUICK
from tests.tiny import STORY

# Another book than that of other tests, which some answerers know already.
TEXT = STORY.replace("Ost", "Ust")
PASSAGES = [part.strip() for part in TEXT.split("##")[1:]]
QUESTION = "Who kept a green lamp?"


@pytest.fixture(scope="session")
def book(cluster: Cluster) -> str:
    """A book with a pruned version 1, and a version 2 of two members."""
    added = cluster.client.add(TEXT, title="Lamp", recipe=QUICK)
    for job in (added.job, cluster.client.train(added.book.id, recipe=QUICK)):
        assert job is not None
        assert list(cluster.client.follow(job.id))[-1].data["kind"] == "succeeded"
    cluster.client.registry.promote(added.book.id, 2, force=True)
    cluster.client.registry.delete(added.book.id, 1)
    return added.book.id


@pytest.fixture(scope="session")
def local(cluster: Cluster) -> Iterator[Engine]:
    """The engine in this process, on the cluster's database and LLM."""
    with closing(open_database(cluster.settings)) as database:
        llm = equipped_llm(cluster.settings, database, load_llm(cluster.settings))
        yield llm.engine
        llm.scheduler.close()


@pytest.fixture(scope="session")
def remote(cluster: Cluster) -> Iterator[Engine]:
    """The engine of the cluster's answerers."""
    from app.cluster.web import web_service  # with Ray, whose import warns

    service = web_service(cluster.settings, cluster.answerers)
    yield service.engine
    service.close()


@pytest.fixture(params=["local", "remote"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each kind."""
    found: Engine = request.getfixturevalue(request.param)
    return found


def requests(book: str, **options: Any) -> list[DecodeRequest]:
    """Each member reads each passage."""
    readings = [
        Reading(MemberId(book, 2, member), (text,), QUESTION) for member in (0, 1) for text in PASSAGES
    ]
    return [DecodeRequest(reading, 8, **options) for reading in readings]


def test_it_says_which_llm_answers(engine: Engine, local: Engine) -> None:
    assert (engine.identity, engine.on_cpu, engine.alive) == (local.identity, True, True)


@pytest.mark.parametrize("text", ["", "A green lamp.", "naïve café 灯"])
def test_it_counts_tokens(engine: Engine, local: Engine, text: str) -> None:
    assert engine.count_tokens(text) == engine.token_counter()(text) == local.count_tokens(text)


def test_it_knows_who_can_answer(engine: Engine, book: str) -> None:
    roster = engine.roster(book, 2)
    assert roster.members == (MemberId(book, 2, 0), MemberId(book, 2, 1))
    assert (roster.damaged, roster.refused) == ((), None)


def test_what_is_not_there_is_refused_with_its_reason(engine: Engine, book: str) -> None:
    with pytest.raises(NotFoundError) as missing:
        engine.roster(book, 9)
    assert (missing.value.kind, missing.value.key) == ("version", f"{book}@9")
    with pytest.raises(VersionPrunedError) as pruned:
        engine.roster(book, 1)
    assert (pruned.value.book_id, pruned.value.number) == (book, 1)
    unknown = Reading(MemberId(book, 9, 0), (PASSAGES[0],), QUESTION)
    with pytest.raises(NotFoundError):
        list(engine.answer([DecodeRequest(unknown, 8)]))
    with pytest.raises(NotFoundError):
        engine.judge([unknown], ["Mira"])


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "seed": 5}, {"mixture": 0, "share": 0.25}])
def test_members_answer_alike(engine: Engine, local: Engine, book: str, options: dict[str, Any]) -> None:
    asked = requests(book, **options)
    assert dict(engine.answer(asked)) == dict(local.answer(asked))


def test_the_llm_alone_answers_alike(engine: Engine, local: Engine) -> None:
    asked = [
        DecodeRequest(Reading(MemberId("none"), (PASSAGES[1],), QUESTION), 8),
        DecodeRequest(ChatTurn("Answer in one word.", QUESTION), 8),
    ]
    assert dict(engine.answer(asked)) == dict(local.answer(asked))
    assert dict(engine.answer(asked[1:])) == dict(local.answer(asked[1:]))


def test_given_answers_are_judged_alike(engine: Engine, local: Engine, book: str) -> None:
    prompts = [request.prompt for request in requests(book)]
    assert engine.judge(prompts, ["Mira", "the baker"]) == local.judge(prompts, ["Mira", "the baker"])


def test_what_was_read_is_known(engine: Engine, book: str) -> None:
    [read, *_] = [request.prompt for request in requests(book)]
    assert isinstance(read, Reading)
    unread = Reading(read.member, ("Nobody has read this.",), QUESTION)
    list(engine.answer([DecodeRequest(read, 8)]))
    assert engine.have_read([read, unread]) == [True, False]
    assert engine.have_read([]) == []


def test_what_nobody_wants_is_not_answered(engine: Engine, book: str) -> None:
    with pytest.raises(UnwantedError):
        list(engine.answer(requests(book), lambda: False))


def test_an_answer_that_is_no_longer_wanted_ends(engine: Engine, book: str) -> None:
    """The second look says no: what was on its way by then is all that comes."""
    looks = iter([True])
    asked = [DecodeRequest(request.prompt, 4000) for request in requests(book)]
    with suppress(UnwantedError):
        assert len(list(engine.answer(asked, lambda: next(looks, False)))) < len(asked)


def test_nothing_is_asked(engine: Engine) -> None:
    assert list(engine.answer([])) == []
    assert engine.judge([], ["Mira"]) == []


def test_members_as_the_skill_lets_them_start(engine: Engine, local: Engine) -> None:
    assert engine.starting_members("some") == local.starting_members("some")
    with engine.question():
        pass
