"""Reads the instruments when Prometheus asks, and writes them down.

A source tells the present values of one metric by the values of its labels, in their order; `()` where it has none. It
must not block. Beside ours there are the process metrics of the client library.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from service.instruments import Durations
from service.observing.metrics import Metric, MetricKind

Values: TypeAlias = Mapping[tuple[str, ...], "float | Durations"]
Source: TypeAlias = tuple[Metric, Callable[[], Values]]
Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Exposition(Collector):
    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = list(sources)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        for metric, read in self._sources:
            yield _family(metric, read())


def _family(metric: Metric, values: Values) -> Family:
    if metric.kind is MetricKind.HISTOGRAM:
        return _histogram(metric, values)
    kind = CounterMetricFamily if metric.kind is MetricKind.COUNTER else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = kind(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in values.items():
        assert not isinstance(value, Durations)
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, values: Values) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, durations in values.items():
        assert isinstance(durations, Durations)
        family.add_metric(labels, list(durations.buckets()), durations.seconds)
    return family
