"""A version made ready to run: its graph, and every expression compiled.

Built once per version and kept in a cache, since versions never change; immutable and shared by all runs. Only versions
that passed the publish checks get here, so compiling cannot fail on them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from service.domain.definition import Edge, Payload, RetryPolicy, StepDefinition, Version
from service.domain.expressions import Program
from service.domain.graph import Graph
from service.domain.places import Place, Scopes, of_trigger

NO_RETRIES = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long nothing may be heard of an objective, an approval or a delegation before its owner is asked."""

    check_seconds: int = 300


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Correlation:
    """A wait wants events in which `event` yields what `run` yields over its run."""

    event: Program
    run: Program


@dataclass(frozen=True)
class StepPlan:
    """One step with what it inherits from its version resolved.

    `timeout_seconds` bounds one attempt, 0 means none. `input` is None when the step takes what upstream hands down,
    `child_input` when a child run gets the step's input, `items` when the step does not work through a list.
    """

    definition: StepDefinition
    retry: RetryPolicy
    timeout_seconds: int
    condition: Program | None
    input: Mapping[str, Program] | None
    filter: Program | None
    context: Mapping[str, Program]
    variables: Mapping[str, Program]
    items: Program | None
    child_input: Mapping[str, Program] | None
    correlation: Correlation | None

    @property
    def config(self) -> Payload:
        return self.definition.config

    @cached_property
    def on_failure_continue(self) -> bool:
        return self.config.get("on_failure") == "continue"

    @cached_property
    def route_denied(self) -> bool:
        return self.config.get("on_denied") == "route"

    @classmethod
    def of(cls, definition: StepDefinition, version: Version, scopes: Scopes) -> "StepPlan":
        programs = _compiled(scopes.of_step(definition))
        return cls(
            definition=definition,
            retry=definition.retry_policy or version.default_retry_policy or NO_RETRIES,
            timeout_seconds=definition.timeout_seconds or version.timeout_seconds,
            condition=_single(programs, "condition_expr"),
            input=programs.get("config.input", {}) if "input" in definition.config else None,
            filter=_single(programs, "config.filter_expr"),
            context=programs.get("config.context", {}),
            variables=programs.get("config.variables", {}),
            items=_single(programs, "config.items"),
            child_input=programs.get("config.workflow.input"),
            correlation=_correlation(programs),
        )


@dataclass(frozen=True)
class Plan:
    """`steps` holds every step by id, compensation steps too."""

    version: Version
    graph: Graph
    steps: Mapping[str, StepPlan]
    trigger_filter: Program | None
    _conditions: Mapping[Edge, Program] = field(repr=False)
    patience: Patience = PATIENCE

    @classmethod
    def of(cls, version: Version, patience: Patience = PATIENCE) -> "Plan":
        """Raises ExpressionError for a version that never passed the publish checks."""
        graph = Graph.of(version.steps, version.edges)
        scopes = Scopes(graph, version.steps)
        return cls(
            version=version,
            graph=graph,
            steps={step.id: StepPlan.of(step, version, scopes) for step in version.steps},
            trigger_filter=_single(_compiled(of_trigger(version)), "filter_expr"),
            _conditions={edge: place.compile() for edge in version.edges for place in scopes.of_edge(edge)},
            patience=patience,
        )

    def edge_condition(self, edge: Edge) -> Program | None:
        """None when the edge is unconditional."""
        return self._conditions.get(edge)


def _compiled(places: Iterable[Place]) -> dict[str, dict[str, Program]]:
    """Programs by slot and key; a slot that is a single expression has the empty key."""
    programs: dict[str, dict[str, Program]] = {}
    for place in places:
        programs.setdefault(place.slot, {})[place.key] = place.compile()
    return programs


def _correlation(programs: Mapping[str, Mapping[str, Program]]) -> Correlation | None:
    event, run = _single(programs, "config.correlate.event"), _single(programs, "config.correlate.run")
    return Correlation(event, run) if event and run else None


def _single(programs: Mapping[str, Mapping[str, Program]], slot: str) -> Program | None:
    return programs.get(slot, {}).get("")
