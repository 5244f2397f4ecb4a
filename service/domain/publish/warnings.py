"""What may surprise at run time and yet is allowed: steps that may be skipped, branches that may match nothing."""

from collections.abc import Iterator

from service.domain.definition import Edge, StepDefinition, StepType, Version
from service.domain.errors import Violation
from service.domain.expression_faults import ExpressionError
from service.domain.expression_text import named_steps, tokenize
from service.domain.graph import Graph
from service.domain.places import Place, Scopes, alias


def warnings(draft: Version, graph: Graph) -> Iterator[Violation]:
    """`graph` is the draft's, which has no problems."""
    yield from _open_branches(draft, graph)
    skippable = _skippable(draft, graph)
    certain = _certain(graph)
    certain |= {step.compensation_step_id: certain[step.id] for step in draft.steps if step.compensation_step_id}
    scopes = Scopes(graph, draft.steps)
    for index, step in enumerate(draft.steps):
        for place in scopes.of_step(step):
            yield from _uncertain(f"steps[{index}].{place.path}", place, skippable - certain[step.id])
    for index, edge in enumerate(draft.edges):
        for place in scopes.of_edge(edge):
            yield from _uncertain(f"edges[{index}].{place.path}", place, skippable - certain[edge.from_step_id])


def _open_branches(draft: Version, graph: Graph) -> Iterator[Violation]:
    for index, step in enumerate(draft.steps):
        if step.step_type is StepType.BRANCH and all(edge.condition_expr for edge in graph.outgoing.get(step.id, ())):
            message = f"step {step.id!r} fails when none of its conditions holds: no edge is the default"
            hint = "add an edge without a condition"
            yield Violation(f"steps[{index}]", "branch_without_default", message, suggestion=hint)


def _uncertain(path: str, place: Place, unsure: frozenset[str]) -> Iterator[Violation]:
    try:
        used = place.compile().names
    except ExpressionError:
        return
    named = set(named_steps(tokenize(place.source)))
    for id in sorted(unsure & place.steps):
        if id in named or alias(id) in used & place.names:
            message = f"step {id!r} is skipped on some path, its output is empty then"
            hint = f"look first whether steps[{id!r}].state == 'COMPLETED'"
            yield Violation(path, "may_be_skipped", message, suggestion=hint)


def _skippable(draft: Version, graph: Graph) -> frozenset[str]:
    """The steps all of whose incoming edges can be dead."""
    steps = {step.id: step for step in draft.steps}
    found: set[str] = set()
    for id in graph.order:
        edges = graph.incoming[id]
        if edges and all(_may_die(edge, steps[edge.from_step_id], graph, found) for edge in edges):
            found.add(id)
    return frozenset(found)


def _may_die(edge: Edge, source: StepDefinition, graph: Graph, skippable: set[str]) -> bool:
    contested = source.step_type is StepType.BRANCH and len(graph.outgoing[source.id]) > 1
    return bool(edge.condition_expr) or contested or source.id in skippable


def _certain(graph: Graph) -> dict[str, frozenset[str]]:
    """Per step those that have run whenever it runs: itself, and what is certain for every step before it."""
    found: dict[str, frozenset[str]] = {}
    for id in graph.order:
        before = [found[edge.from_step_id] for edge in graph.incoming[id]]
        common = before[0].intersection(*before[1:]) if before else frozenset()
        found[id] = common | {id}
    return found
