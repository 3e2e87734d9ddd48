"""The figures of an answerer, given to Ray, which has every node's at its metrics port."""

from prometheus_client.registry import Collector
from ray.util.metrics import Gauge


class RayFigures:
    """What a collector of Prometheus tells, under the same names with `ray_` before them."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._gauges: dict[str, Gauge] = {}

    def report(self) -> None:
        """Tell Ray the figures of this moment."""
        for metric in self._collector.collect():
            for sample in metric.samples:
                gauge = self._gauges.get(sample.name)
                if gauge is None:
                    gauge = Gauge(sample.name, metric.documentation, tag_keys=tuple(sample.labels))
                    self._gauges[sample.name] = gauge
                gauge.set(sample.value, tags=dict(sample.labels))
