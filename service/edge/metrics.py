"""The engine's counters as Prometheus reads them: one family, labelled by part and by what was counted.

Dead letters are what the listener `buried`. Its lag is a family of its own, since it goes up and down.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
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


class LagCollector(Collector):
    """`lag` tells the messages that wait, by stream and filter; it must not block."""

    def __init__(self, lag: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._lag = lag

    def collect(self) -> Iterator[GaugeMetricFamily]:
        about = "Messages on the bus that no replica has acked; the same in all of them."
        family = GaugeMetricFamily("workflows_listener_lag", about, labels=["stream", "filter"])
        for place, waiting in self._lag().items():
            family.add_metric(place, waiting)
        yield family
