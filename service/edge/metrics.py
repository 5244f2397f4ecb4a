"""The engine's counters as Prometheus reads them: one family, labelled by part and by what was counted."""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class EngineCollector(Collector):
    def __init__(self, parts: Mapping[str, Counter[str]]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily("workflows_engine", "What the loops of the engine did.", labels=["part", "what"])
        for part, counters in self._parts.items():
            for what, count in sorted(counters.items()):
                family.add_metric([part, what], count)
        yield family
