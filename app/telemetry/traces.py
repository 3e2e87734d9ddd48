"""OpenTelemetry's traces: spans of answers with their stages, and of attempts at jobs with their phases.

They are sent where OTEL_EXPORTER_OTLP_ENDPOINT, or that of traces alone, says, by what the extra `traces`
installs; the other OTEL_ variables are the SDK's.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.answering.types import Answer
from app.training.trial import Scored
from store.tables import Job
from trainer.book_training import Prepared
from trainer.progress import Evaluated, Learned
from trainer.question_writing import Written

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_STAGES = ("retrieve", "generate", "vote")
# What ends each phase of an attempt.
_PHASES: dict[type[object], str] = {
    Written: "write questions",
    Prepared: "prepare",
    Evaluated: "evaluate",
    Learned: "train",
    Scored: "trial",
}


class Traces:
    """Spans to one provider of this service; nothing where they are not wanted."""

    def __init__(self) -> None:
        self._tracer: Any = _tracer()

    def answered(self, answer: Answer) -> None:
        """The spans of an answer that has just been given: its stages, one after the other."""
        if self._tracer is None:
            return
        spent = [(stage, getattr(answer.timings, stage)) for stage in _STAGES]
        ended = time.time_ns()
        at = ended - round(answer.timings.total * 1e9)
        span = self._tracer.start_span("ask", start_time=at)
        span.set_attribute("bookchorus.confidence", answer.verdict.confidence)
        span.set_attribute("bookchorus.abstained", answer.abstention is not None)
        for stage, seconds in spent:
            self._span(span, stage, at, at + round(seconds * 1e9))
            at += round(seconds * 1e9)
        span.end(ended)

    @contextmanager
    def attempt(self, job: Job) -> Iterator[Callable[[object], None]]:
        """The span of an attempt. What is yielded is told what happens: a phase ends with it."""
        if self._tracer is None:
            yield lambda _: None
            return
        span, began = self._tracer.start_span("job"), time.time_ns()
        span.set_attribute("bookchorus.job", job.id)
        span.set_attribute("bookchorus.book", job.book_id)

        def happened(what: object) -> None:
            nonlocal began
            if isinstance(what, Exception):
                span.record_exception(what)
            name = _PHASES.get(type(what))
            if name is not None:
                began = self._span(span, name, began, time.time_ns())

        try:
            yield happened
        finally:
            self._span(span, "end", began, time.time_ns())
            span.end()

    def _span(self, parent: Any, name: str, began: int, ended: int) -> int:
        from opentelemetry.trace import set_span_in_context

        self._tracer.start_span(name, set_span_in_context(parent), start_time=began).end(ended)
        return ended


def _tracer() -> Any:
    """A tracer that sends spans where the environment says; None where it does not, or nothing can send."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("traces are wanted and cannot be sent: pip install 'bookchorus[traces]'")
        return None
    name = os.environ.get("OTEL_SERVICE_NAME", "bookchorus")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("bookchorus")
