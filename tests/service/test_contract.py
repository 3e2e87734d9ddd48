"""The service against its own description (OpenAPI): Schemathesis asks every route, with all its checks.

It sends what the description allows and what it does not, follows one answer into the next call, and
compares each answer with the description: status, media type, shape, headers; whether calls without a key
are refused, what is removed stays away, and no call ends as a fault of the service.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.openapi.checks import AllowHeaderMismatch, RejectedPositiveData, UnsupportedMethodResponse

from app.client import Client
from app.schemas.text import WHAT
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

KEY = "the-key-of-an-admin"
# What a description of shapes cannot say: each is refused with these words by the rule that it breaks.
RULES = (
    "two choices are the same",
    "the strategy 'choices' and a list of choices go together",
    "books and a scope of authors or tags do not go together",
    "limit the model 'library'",
    "a correction has a text, an answer, or both",
    "is no language's tag",
    "characters that can be printed",
    WHAT,
)


@dataclass(frozen=True)
class Stock:
    """A service with a learned book, the ids of what it has, and an archive of its version."""

    client: Client
    book: str
    # Books that calls may remove.
    others: list[str]
    job: str
    archive: bytes
    threads: list[str]


@pytest.fixture(scope="module")
def stock(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    folder = tmp_path_factory.mktemp("contract")
    with service(folder, "--model", str(tiny_folder), admin_key=KEY, budget_seconds="1") as client:
        added = client.add(STORY, title="Lamp", author="Anna", tags=["sea"], recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
        others = [client.add(f"{STORY} {n}", title=f"Lamp {n}", recipe=QUICK).book.id for n in range(6)]
        exported = httpx.get(
            f"{client.url}/admin/books/{added.book.id}/versions/1/export",
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
        )
        threads = [client.threads.begin(f"Lamps {n}").id for n in range(6)]
        yield Stock(client, added.book.id, others, added.job.id, exported.content, threads)


def config(stock: Stock, examples: int) -> SchemathesisConfig:
    """All checks, the same calls in every run, and ids of what is there beside ids that are made up."""
    there = {
        "book": [stock.book],
        "other": stock.others,
        "job": [stock.job],
        "ref": ["1", "champion"],
        "alias": ["champion", "latest", "mine"],
        "model": ["library", stock.book],
        "thread": stock.threads,
    }
    named = {f"{kind}_id": kind for kind in ("book", "job", "model", "thread")}
    named |= {"ref": "ref", "alias": "alias"}
    bound = {f"path.{name}": {"dictionary": kind, "probability": 0.6} for name, kind in named.items()}
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "continue-on-failure": True,
            "request-timeout": 60,
            "headers": {"Authorization": f"Bearer {KEY}"},
            "dictionaries": {name: {"values": values} for name, values in there.items()},
            "parameters": bound,
            "operations": [
                {
                    "include-name": "DELETE /books/{book_id}",
                    "parameters": {"path.book_id": {"dictionary": "other", "probability": 0.6}},
                }
            ],
            "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
            "checks": {
                name: {"enabled": True} for name in CHECKS.get_all_names() if name != "max_response_time"
            },
        }
    )


def test_the_service_is_as_its_description_says(stock: Stock, request: pytest.FixtureRequest) -> None:
    schemathesis.openapi.media_type("application/zip", st.sampled_from([stock.archive, b"PK", b""]))
    schema = schemathesis.openapi.from_url(
        f"{stock.client.url}/openapi.json", config=config(stock, request.config.getoption("--examples"))
    )

    @schema.hook
    def map_query(context: Any, query: Any) -> Any:
        # It may be an hour, and nobody has that.
        if query is not None and isinstance(query.get("wait"), int | float):
            query["wait"] = min(query["wait"], 0.1)
        return query

    @schema.hook
    def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
        """A book of two bytes has the shape that is described, and is refused all the same: by a name for it.

        The path of an import is also that of a version which would be called "import".
        """
        if isinstance(failure, UnsupportedMethodResponse | AllowHeaderMismatch):
            return not case.operation.path.endswith("/versions/import")
        if not isinstance(failure, RejectedPositiveData):
            return True
        told = response.json()
        slug = told["error"]["code"] if "error" in told else told["type"].removeprefix("/problems/")
        return slug == "invalid-request" and not any(rule in response.text for rule in RULES)

    calls: Counter[str] = Counter()
    found: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            found.add(f"{event.label}: {event.value!r}")
        if isinstance(event, events.ScenarioFinished):
            calls.update(each.value.operation.label for each in event.recorder.cases.values())
            found |= set(failures(event.recorder))
    print(f"{calls.total()} calls of {len(calls)} operations")
    assert not found, "\n\n".join(sorted(found))
    assert len(calls) == schema.statistic.operations.total


def failures(recorder: ScenarioRecorder) -> Iterator[str]:
    """What the checks found in these calls: with the call as a command, and the answer."""
    for case_id, checks in recorder.checks.items():
        for info in (check.failure_info for check in checks):
            if info is not None:
                label = recorder.cases[case_id].value.operation.label
                made = recorder.interactions.get(case_id)
                told = b"no answer" if made is None or made.response is None else made.response.content[:500]
                yield (
                    f"{label}: {info.failure.title}: {info.failure.message}\n{info.code_sample}\n"
                    f"{told.decode(errors='replace')}"
                )
