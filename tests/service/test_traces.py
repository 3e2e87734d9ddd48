"""The spans of a real service, as a collector gets them; skipped where the extra is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra traces is not installed")


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a collector, and the bodies that were sent to it."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()


def spans(bodies: list[bytes]) -> list[Any]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_an_answer_and_a_job_are_spans_with_their_stages(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as (url, bodies):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        with service(tmp_path, "--model", str(tiny_folder)) as client:
            added = client.add(STORY, title="Lamp", recipe=QUICK)
            assert added.job is not None
            list(client.follow(added.job.id))
            answer = client.ask("Who kept a green lamp?", k=2)
        # What is left is sent when the service ends.
        found = spans(bodies)
    [asked] = [span for span in found if span.name == "ask"]
    stages = [span for span in found if span.parent_span_id == asked.span_id]
    assert [span.name for span in stages] == ["retrieve", "generate", "vote"]
    assert asked.end_time_unix_nano - asked.start_time_unix_nano == pytest.approx(
        answer.timings.total * 1e9, abs=1e6
    )
    [job] = [span for span in found if span.name == "job"]
    assert {one.key: one.value.string_value for one in job.attributes} == {
        "bookchorus.job": added.job.id,
        "bookchorus.book": added.book.id,
    }
    phases = [span.name for span in found if span.parent_span_id == job.span_id]
    assert phases[:2] == ["write questions", "prepare"]
    assert phases[-1] == "end"
    assert "train" in phases
    assert b"green lamp" not in b"".join(bodies)
