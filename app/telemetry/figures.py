"""The figures of one service, by Prometheus' conventions: what was done is counted, what is now is read."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.answering.types import Answer
from store.queue_state import QueueState
from store.tables import JobStatus
from trainer.progress import Stepped

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_NUMBERS = (1, 2, 4, 8, 16, 32, 64)
# All that is not one of these counts as "other": whoever calls shall not make series of figures.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_STAGES = ("retrieve", "generate", "vote", "total")
_ABSTENTIONS = ("not-told", "disagreed", "unsure")


class Figures:
    """Counted on any thread, in a registry of its own: two services in one process do not mix."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "bookchorus_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "bookchorus_http_request_seconds",
            "Time to the end of the response.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._ask_seconds = Histogram(
            "bookchorus_ask_seconds",
            "Time of an answer, by the stage of it that took it.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._abstentions = Counter(
            "bookchorus_abstentions",
            "Questions that were answered by an abstention, by its reason.",
            ("reason",),
            registry=registry,
        )
        self._vote_share = Histogram(
            "bookchorus_vote_share_ratio",
            "How far members agree: the share of all weight of the vote that holds the answer.",
            buckets=_SHARES,
            registry=registry,
        )
        self._confidence = Histogram(
            "bookchorus_confidence_ratio",
            "Confidence of answers and abstentions.",
            buckets=_SHARES,
            registry=registry,
        )
        self._candidates = Histogram(
            "bookchorus_candidates", "Candidates heard for an answer.", buckets=_NUMBERS, registry=registry
        )
        self._step_seconds = Histogram(
            "bookchorus_training_step_seconds",
            "Time of a training step, with the asks between its passes.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "bookchorus_training_tokens",
            "Tokens that training put through the LLM, virtual tokens included.",
            registry=registry,
        )
        self._tokens_per_second = Gauge(
            "bookchorus_training_tokens_per_second",
            "Of the training that made the last step, over all its steps.",
            registry=registry,
        )
        self._attempts = Counter(
            "bookchorus_job_attempts",
            "Attempts at jobs that ended in this process, by how they did.",
            ("outcome",),
            registry=registry,
        )
        self._jobs = Gauge("bookchorus_jobs", "Jobs in the database.", ("status",), registry=registry)
        self._queue_age = Gauge(
            "bookchorus_queue_age_seconds",
            "How long the oldest job that waits has waited.",
            registry=registry,
        )
        self._lease_age = Gauge(
            "bookchorus_lease_age_seconds",
            "How long ago the lease of a running job was renewed: the longest.",
            registry=registry,
        )
        self._database_up = Gauge(
            "bookchorus_database_up", "Whether the database has answered in time.", registry=registry
        )
        # A series that first comes with its first event has no rate at that event.
        for stage in _STAGES:
            self._ask_seconds.labels(stage)
        for reason in _ABSTENTIONS:
            self._abstentions.labels(reason)
        for outcome in ("succeeded", "failed", "cancelled", "given-back", "lost"):
            self._attempts.labels(outcome)

    def read(self, state: Collector) -> None:
        """Read a state anew whenever somebody looks at the figures."""
        self._registry.register(state)

    def requested(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request, by the route's own path: none of what was sent is kept."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def answered(self, answer: Answer) -> None:
        """Count an answer or an abstention, with the seconds of its stages."""
        for stage in _STAGES:
            self._ask_seconds.labels(stage).observe(getattr(answer.timings, stage))
        votes = answer.verdict.votes
        if answer.abstention is not None:
            self._abstentions.labels(answer.abstention.reason).inc()
        self._vote_share.observe(votes[0].share if votes else 0.0)
        self._confidence.observe(answer.verdict.confidence)
        self._candidates.observe(sum(len(vote.candidates) for vote in votes))

    def stepped(self, step: Stepped) -> None:
        """Count a step of training."""
        self._step_seconds.observe(step.seconds)
        self._tokens.inc(step.tokens)
        self._tokens_per_second.set(step.tokens_per_second)

    def attempted(self, outcome: str) -> None:
        """Count an attempt at a job that has ended so."""
        self._attempts.labels(outcome).inc()

    def queued(self, state: QueueState | None) -> None:
        """Keep the state of the queue; None where the database did not say it, and the last one stays."""
        self._database_up.set(state is not None)
        if state is not None:
            for status in get_args(JobStatus):
                self._jobs.labels(status).set(state.jobs.get(status, 0))
            self._queue_age.set(state.queue_age)
            self._lease_age.set(state.lease_age)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All figures and their content type: OpenMetrics where the header `Accept` asks for it, else
        Prometheus' text format.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
