"""What the engine is at and what it keeps, read whenever somebody looks; nothing here asks the GPU itself."""

from collections.abc import Iterator

import torch
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from app.engine.local_engine import LocalEngine
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler


class EngineState(Collector):
    """The LLM, the asks that wait for it, the bytes of the caches, and of the GPU where there is one."""

    def __init__(self, scheduler: Scheduler, engine: LocalEngine, members: MemberCache) -> None:
        self._scheduler = scheduler
        self._engine = engine
        self._members = members

    def collect(self) -> Iterator[Metric]:
        """The state of this moment."""
        identity, device = self._engine.identity, self._scheduler.llm.device
        yield InfoMetricFamily(
            "bookchorus_llm",
            "The LLM that answers.",
            value={
                "id": identity.id,
                "revision": identity.revision,
                "quantization": identity.quantization,
                "dtype": identity.dtype,
                "device": str(device),
            },
        )
        yield GaugeMetricFamily(
            "bookchorus_asks_waiting",
            "Batches of rows that wait for the LLM, each of one ask.",
            self._scheduler.waiting,
        )
        kept = GaugeMetricFamily(
            "bookchorus_cache_bytes", "What is kept so that it need not be made again.", labels=("cache",)
        )
        contexts = self._engine.contexts
        kept.add_metric(("contexts",), contexts.nbytes)
        kept.add_metric(("members",), self._members.nbytes)
        yield kept
        reads = CounterMetricFamily(
            "bookchorus_context_reads",
            "Texts and members that an ask needed the context of: kept, or computed.",
            labels=("source",),
        )
        reads.add_metric(("kept",), contexts.found)
        reads.add_metric(("computed",), contexts.computed)
        yield reads
        memory = GaugeMetricFamily(
            "bookchorus_gpu_memory_bytes",
            "Memory of the GPU that this process uses: by tensors, and with what is held for further ones.",
            labels=("device", "kind"),
        )
        if device.type == "cuda":
            memory.add_metric((str(device), "allocated"), torch.cuda.memory_allocated(device))
            memory.add_metric((str(device), "reserved"), torch.cuda.memory_reserved(device))
        yield memory
