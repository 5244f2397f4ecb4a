"""Where expressions stand in a version, and which names are in scope there.

The one list that the publish checks and the compiled plan share, so that what was checked is what runs. Step ids are
bare names with `-` read as `_`; every upstream step is also in `steps`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from service.domain.definition import Edge, StepDefinition, StepType, Version
from service.domain.expressions import Program, Wants, compile_program
from service.domain.graph import Graph

RUN_NAMES = frozenset({"steps", "input", "run", "now"})
WAIT_NAMES = frozenset({"event", "run", "input", "steps"})
EVENT_NAMES = frozenset({"event"})
ITEM_NAMES = frozenset({"item", "index"})
RESERVED = RUN_NAMES | WAIT_NAMES | ITEM_NAMES | {"compensated"}


def alias(step_id: str) -> str:
    return step_id.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Place:
    """One expression: its path below its owner (`config.input.email`), what it needs and what it may name.

    `slot` is the path's part above the key, `key` the name within an object of expressions, else empty. `steps` are the
    ids in scope; with `open_names` fields of a payload are bare names, too.
    """

    slot: str
    key: str
    source: str
    names: frozenset[str]
    steps: frozenset[str]
    open_names: bool = False
    wants: Wants = Wants.ANY

    @property
    def path(self) -> str:
        return f"{self.slot}.{self.key}" if self.key else self.slot

    def compile(self) -> Program:
        """Raises ExpressionError."""
        return compile_program(self.source, self.names, open_names=self.open_names, wants=self.wants)


class Scopes:
    """Which steps each step can refer to. A compensation step sees the step it undoes and all before that one."""

    def __init__(self, graph: Graph, steps: Iterable[StepDefinition]) -> None:
        self._visible = dict(graph.upstream)
        for step in steps:
            if step.compensation_step_id and step.id in graph.upstream:
                self._visible[step.compensation_step_id] = graph.upstream[step.id] | {step.id}
        self._compensation = graph.compensation
        self._names = {id: frozenset(map(alias, visible)) for id, visible in self._visible.items()}

    def of_step(self, step: StepDefinition) -> Iterator[Place]:
        """The places of a step's own expressions; none for a step that is in no sound part of the graph."""
        if step.id not in self._visible:
            return
        steps, names = self._visible[step.id], RUN_NAMES | self._names[step.id]
        if step.id in self._compensation:
            names |= {"compensated"}
        if step.step_type is StepType.BRANCH and step.condition_expr:
            yield Place("condition_expr", "", step.condition_expr, names, steps)
        for slot, key, source in _written(step):
            own = ITEM_NAMES if slot == "input" and "items" in step.config else frozenset()
            yield Place(f"config.{slot}", key, source, names | own, steps)
        if step.step_type is StepType.AGENT_ACTION:
            yield from _of_agent_action(step, names, steps)
        elif step.step_type is StepType.WAIT_FOR_EVENT:
            yield from _of_wait(step, names, steps)

    def of_edge(self, edge: Edge) -> Iterator[Place]:
        if edge.condition_expr and edge.from_step_id in self._visible:
            source = edge.from_step_id
            steps = self._visible[source] | {source}
            names = RUN_NAMES | self._names[source] | {alias(source)}
            yield Place("condition_expr", "", edge.condition_expr, names, steps, True, Wants.BOOL)


def _of_agent_action(step: StepDefinition, names: frozenset[str], steps: frozenset[str]) -> Iterator[Place]:
    if isinstance(items := step.config.get("items"), str):
        yield Place("config.items", "", items, names, steps, wants=Wants.LIST)
    written = _object(step.config.get("workflow")).get("input")
    for key, source in _object(written).items():
        if isinstance(source, str):
            yield Place("config.workflow.input", key, source, names, steps)


def _of_wait(step: StepDefinition, names: frozenset[str], steps: frozenset[str]) -> Iterator[Place]:
    if isinstance(filter_expr := step.config.get("filter_expr"), str):
        yield Place("config.filter_expr", "", filter_expr, WAIT_NAMES, steps, True, Wants.BOOL)
    correlate = _object(step.config.get("correlate"))
    if isinstance(source := correlate.get("event"), str):
        yield Place("config.correlate.event", "", source, EVENT_NAMES, frozenset(), True)
    if isinstance(source := correlate.get("run"), str):
        yield Place("config.correlate.run", "", source, names, steps)


def of_trigger(version: Version) -> Iterator[Place]:
    if version.trigger and version.trigger.filter_expr:
        source = version.trigger.filter_expr
        yield Place("filter_expr", "", source, EVENT_NAMES, frozenset(), True, Wants.BOOL)


_OBJECTS: Mapping[str, StepType | None] = {
    "input": None,
    "context": StepType.GOVERNANCE_CHECK,
    "variables": StepType.NOTIFICATION,
}


def _written(step: StepDefinition) -> Iterator[tuple[str, str, str]]:
    """The config keys that are objects of expressions: key, name within it, expression."""
    for slot, only in _OBJECTS.items():
        written = step.config.get(slot)
        if isinstance(written, Mapping) and only in (None, step.step_type):
            yield from ((slot, key, source) for key, source in written.items() if isinstance(source, str))


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
