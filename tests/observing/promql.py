"""Reading PromQL as far as it takes to hold it against the list of metrics: tokens, brackets, functions, selectors.

Not a parser: it finds misspelt functions and metrics, labels that a metric has not, brackets that do not close and
rates of what is no counter. `metric_of` says which metric of the list a name of a sample belongs to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.observing.metrics import METRICS, Metric, MetricKind

AGGREGATIONS = {"sum", "max", "min", "avg", "count"}
RATES = {"rate", "increase"}
OVER_TIME = {"delta", "min_over_time", "max_over_time"}
FUNCTIONS = AGGREGATIONS | RATES | OVER_TIME | {"histogram_quantile", "absent", "clamp_min", "label_values"}
WORDS = {"by", "without", "and", "or", "unless", "on", "ignoring", "bool"}
TARGET = {"job", "instance"}
"""Labels that Prometheus gives to whatever it scrapes."""
CLIENT = {"process_resident_memory_bytes": MetricKind.GAUGE, "process_cpu_seconds_total": MetricKind.COUNTER}

_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"[^\"]*\")|(?P<range>\[(?:\d+[smhd]|\$__rate_interval)\])"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-zA-Z_:][\w:]*)|(?P<op>=~|!~|==|!=|>=|<=|[-+*/%^<>=(){},]))"
)
_PAIRS = {")": "(", "}": "{"}


class BadQuery(ValueError):
    """What is wrong with an expression."""


@dataclass
class Selector:
    """One metric of an expression: with the labels that it is matched or grouped by, and the functions around it."""

    name: str
    labels: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    ranged: bool = False


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Raises BadQuery at what is no token."""
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadQuery(f"no token at {text[at:]!r}")
        yield str(found.lastgroup), found[str(found.lastgroup)]
        at = found.end()


def selectors(text: str) -> list[Selector]:
    """The selectors of a query. Raises BadQuery."""
    return _Reader(list(tokens(text))).read()


class _Reader:
    def __init__(self, found: list[tuple[str, str]]) -> None:
        self._tokens = found
        self._at = 0
        self._open: list[tuple[str, str, set[str]]] = []
        """Brackets that are open: which, the function it belongs to, and the labels that it groups by."""
        self._found: list[Selector] = []

    def read(self) -> list[Selector]:
        while self._at < len(self._tokens):
            kind, text = self._take()
            if kind == "name":
                self._named(text)
            elif text == "(":
                self._open.append(("(", "", set()))
            elif text in _PAIRS:
                self._close(text)
            elif kind == "range":
                raise BadQuery(f"{text} belongs to no metric")
        if self._open:
            raise BadQuery("a bracket is not closed")
        return self._found

    def _take(self) -> tuple[str, str]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _next(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _named(self, name: str) -> None:
        if name in WORDS:
            return
        if name in AGGREGATIONS and self._next() == "by":
            self._take()
            labels = self._list()
            self._expect("(")
            self._open.append(("(", name, labels))
        elif self._next() == "(":
            if name not in FUNCTIONS:
                raise BadQuery(f"there is no function {name}")
            self._take()
            self._open.append(("(", name, set()))
        else:
            self._selector(name)

    def _selector(self, name: str) -> None:
        found = Selector(name)
        for _, function, labels in self._open:
            found.functions.add(function)
            found.labels |= labels
        if self._next() == "{":
            found.labels |= self._matchers()
        if self._next().startswith("["):
            self._take()
            found.ranged = True
        self._found.append(found)

    def _matchers(self) -> set[str]:
        self._expect("{")
        labels = set()
        while self._next() != "}":
            kind, name = self._take()
            operator, value = self._take()[1], self._take()[0]
            if kind != "name" or operator not in ("=", "!=", "=~", "!~") or value != "string":
                raise BadQuery(f"{name} is no matcher")
            labels.add(name)
            if self._next() == ",":
                self._take()
        self._expect("}")
        return labels

    def _list(self) -> set[str]:
        self._expect("(")
        names = set()
        while self._next() != ")":
            kind, name = self._take()
            if kind == "name":
                names.add(name)
        self._expect(")")
        return names

    def _expect(self, text: str) -> None:
        if self._next() != text:
            raise BadQuery(f"{text} is missing before {self._next()!r}")
        self._take()

    def _close(self, text: str) -> None:
        if not self._open or self._open.pop()[0] != _PAIRS[text]:
            raise BadQuery(f"{text} closes nothing")


def metric_of(name: str) -> tuple[Metric, set[str]] | None:
    """The metric that a sample belongs to, with the labels it may have; None for one that is not listed."""
    if name in CLIENT:
        return Metric(name, CLIENT[name], (), ""), TARGET
    if (metric := METRICS.get(name)) is not None and metric.kind is not MetricKind.HISTOGRAM:
        return metric, TARGET | set(metric.labels)
    base, _, part = name.rpartition("_")
    if part in ("bucket", "count", "sum") and base in METRICS and METRICS[base].kind is MetricKind.HISTOGRAM:
        return METRICS[base], TARGET | set(METRICS[base].labels) | ({"le"} if part == "bucket" else set())
    return None


def check(text: str) -> list[str]:
    """What is wrong with a query, in words."""
    try:
        found = selectors(text)
    except BadQuery as error:
        return [str(error)]
    return ([] if found else ["it asks for no metric"]) + [fault for one in found for fault in _faults(one)]


def _faults(found: Selector) -> Iterator[str]:
    known = metric_of(found.name)
    if known is None:
        yield f"there is no metric {found.name}"
        return
    metric, labels = known
    if strange := found.labels - labels:
        yield f"{found.name} has no label {', '.join(sorted(strange))}"
    counts = metric.kind is not MetricKind.GAUGE
    if counts is not bool(found.functions & RATES) and "label_values" not in found.functions:
        yield f"{found.name} is {'' if counts else 'not '}to be asked for its rate"
    if found.ranged is not bool(found.functions & (RATES | OVER_TIME)):
        yield f"{found.name} and its range do not fit"
