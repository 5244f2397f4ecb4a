"""Is it a graph a run can follow? Ids, edges, cycles, compensation, and the rules of BRANCH and PARALLEL.

`problems` never raises and never assumes that an earlier check passed; `sound_graph` is what is left when everything
that is wrong is taken out, so that expressions can be checked in the same breath.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import networkx as nx

from service.domain.definition import Edge, StepDefinition, StepType, Version
from service.domain.errors import Violation
from service.domain.graph import Graph, compensation_ids, digraph
from service.domain.places import RESERVED, alias
from service.domain.suggestions import LONGEST, Memory

MAX_STEPS = 500
MAX_EDGES = 2000

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_OUT = "take this edge out"


def oversized(draft: Version) -> Iterator[Violation]:
    """A graph over the limits is not looked at any further."""
    if len(draft.steps) > MAX_STEPS:
        yield Violation("steps", "too_many_steps", f"a version has at most {MAX_STEPS} steps")
    if len(draft.edges) > MAX_EDGES:
        yield Violation("edges", "too_many_edges", f"a version has at most {MAX_EDGES} edges")


def problems(draft: Version) -> Iterator[Violation]:
    if not draft.steps:
        yield Violation("steps", "no_steps", "a version has at least one step")
    yield from _ids(draft.steps)
    yield from _edges(draft)
    yield from _cycles(draft)
    yield from _compensation(draft)
    yield from _shapes(draft)


# --- ids -----------------------------------------------------------------------------------------------------------


def _ids(steps: Sequence[StepDefinition]) -> Iterator[Violation]:
    seen: dict[str, int] = {}
    spelled: dict[str, str] = {}
    taken = RESERVED | {alias(step.id) for step in steps}
    for index, step in enumerate(steps):
        for reason, message in _id_faults(step.id, seen, spelled):
            yield Violation(f"steps[{index}].id", reason, message, suggestion=_free(step.id, taken))
        seen.setdefault(step.id, index)
        spelled.setdefault(alias(step.id), step.id)


def _id_faults(id: str, seen: Mapping[str, int], spelled: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not _ID.fullmatch(id):
        yield "bad_id", "an id is 1 to 128 letters, digits, '_' or '-'"
    if id in seen:
        yield "duplicate_id", f"step {id!r} is already steps[{seen[id]}]"
    elif (twin := spelled.get(alias(id))) is not None:
        yield "colliding_id", f"{id!r} and {twin!r} are the same name in expressions"
    if alias(id) in RESERVED:
        yield "reserved_id", f"{id!r} is a reserved name of expressions"


def _free(id: str, taken: frozenset[str]) -> str:
    """An id like this one that could be taken."""
    like = re.sub(r"[^A-Za-z0-9_-]+", "_", id[:LONGEST]).strip("_")
    tries = (like, *(f"{like}_{number}" for number in range(2, MAX_STEPS + 3)))
    return next((f"take {free!r}" for free in tries if like and alias(free) not in taken), "")


# --- edges ---------------------------------------------------------------------------------------------------------


def _edges(draft: Version) -> Iterator[Violation]:
    known, memory = {step.id for step in draft.steps}, Memory()
    seen: dict[tuple[str, str], int] = {}
    for index, edge in enumerate(draft.edges):
        ends = edge.from_step_id, edge.to_step_id
        for end, name in zip(("from_step_id", "to_step_id"), ends, strict=True):
            if name not in known:
                meant = memory.nearest(name, known)
                yield Violation(f"edges[{index}].{end}", "unknown_step", f"there is no step {name!r}", suggestion=meant)
        if edge.from_step_id == edge.to_step_id:
            message = f"step {edge.to_step_id!r} leads to itself"
            yield Violation(f"edges[{index}].to_step_id", "self_edge", message, suggestion=_OUT)
        if ends in seen:
            message = f"the same edge as edges[{seen[ends]}]"
            yield Violation(f"edges[{index}]", "duplicate_edge", message, suggestion=_OUT)
        seen.setdefault(ends, index)


def _main(draft: Version) -> tuple[list[str], list[Edge]]:
    """The ids of the main graph and its usable edges: known ends, no self edges, each pair once."""
    compensation = _compensating(draft.steps)
    ids = list(dict.fromkeys(step.id for step in draft.steps if step.id not in compensation))
    usable = {
        (edge.from_step_id, edge.to_step_id): edge
        for edge in reversed(draft.edges)
        if edge.from_step_id in ids and edge.to_step_id in ids and edge.from_step_id != edge.to_step_id
    }
    return ids, list(usable.values())[::-1]


def _cycles(draft: Version) -> Iterator[Violation]:
    ids, edges = _main(draft)
    graph = digraph(ids, edges)
    for component in nx.strongly_connected_components(graph):
        if len(component) > 1:
            yield _cycle(draft, graph.subgraph(component), min(component, key=ids.index))
    yield from _unreachable(draft, graph)


def _cycle(draft: Version, component: "nx.DiGraph[str]", start: str) -> Violation:
    walked = nx.find_cycle(component, start)
    closing = Edge(*walked[-1][:2])
    index = _index_of_edge(draft.edges, closing)
    names = " -> ".join([str(step[0]) for step in walked] + [closing.to_step_id])
    return Violation(f"edges[{index}]", "cycle", f"the steps form a cycle: {names}", suggestion=_OUT)


def _index_of_edge(edges: Iterable[Edge], wanted: Edge) -> int:
    ends = wanted.from_step_id, wanted.to_step_id
    return next(index for index, edge in enumerate(edges) if (edge.from_step_id, edge.to_step_id) == ends)


def _unreachable(draft: Version, graph: "nx.DiGraph[str]") -> Iterator[Violation]:
    reached = _reached(graph)
    for index, step in enumerate(draft.steps):
        if step.id in graph and step.id not in reached:
            yield Violation(f"steps[{index}]", "unreachable_step", f"no root leads to step {step.id!r}")


def _reached(graph: "nx.DiGraph[str]") -> set[str]:
    """What a walk from all roots comes to."""
    reached: set[str] = set()
    ahead = [id for id, incoming in graph.in_degree() if not incoming]
    while ahead:
        id = ahead.pop()
        if id not in reached:
            reached.add(id)
            ahead.extend(graph.successors(id))
    return reached


# --- compensation --------------------------------------------------------------------------------------------------


def _compensating(steps: Iterable[StepDefinition]) -> frozenset[str]:
    """The compensation steps, without those that name themselves: they are found to be wrong, and stay on the graph."""
    return compensation_ids(step for step in steps if step.compensation_step_id != step.id)


def _compensation(draft: Version) -> Iterator[Violation]:
    known = {step.id for step in draft.steps}
    undoing = _compensating(draft.steps)
    uses, memory = Counter(step.compensation_step_id for step in draft.steps), Memory()
    for index, step in enumerate(draft.steps):
        wanted = step.compensation_step_id
        if wanted:
            for reason, message in _compensation_faults(step, known, undoing, uses[wanted]):
                meant = memory.nearest(wanted, known) if reason == "unknown_compensation" else ""
                yield Violation(f"steps[{index}].compensation_step_id", reason, message, suggestion=meant)
    for index, edge in enumerate(draft.edges):
        for id in dict.fromkeys((edge.from_step_id, edge.to_step_id)):
            if id in undoing and id in known:
                yield Violation(f"edges[{index}]", "compensation_edge", f"compensation step {id!r} has an edge")


def _compensation_faults(
    step: StepDefinition, known: set[str], undoing: frozenset[str], uses: int
) -> Iterator[tuple[str, str]]:
    wanted = step.compensation_step_id
    if wanted == step.id:
        yield "self_compensation", f"step {step.id!r} compensates itself"
    elif wanted not in known:
        yield "unknown_compensation", f"there is no step {wanted!r}"
    elif uses > 1:
        yield "shared_compensation", f"step {wanted!r} compensates more than one step"
    if step.id in undoing:
        yield "chained_compensation", f"compensation step {step.id!r} has a compensation step of its own"


# --- rules of step types -------------------------------------------------------------------------------------------


def _shapes(draft: Version) -> Iterator[Violation]:
    outgoing, incoming = _around(draft)
    for index, step in enumerate(draft.steps):
        path = f"steps[{index}]"
        if step.step_type is StepType.BRANCH:
            yield from _branch(path, outgoing.get(step.id, []))
        elif step.step_type is StepType.PARALLEL:
            yield from _parallel(path, outgoing.get(step.id, []), incoming)
        if step.config.get("on_denied") == "route":
            yield from _routes(outgoing.get(step.id, []))


Numbered = list[tuple[int, Edge]]


def _around(draft: Version) -> tuple[Mapping[str, Numbered], Mapping[str, Numbered]]:
    outgoing: dict[str, Numbered] = {}
    incoming: dict[str, Numbered] = {}
    for index, edge in enumerate(draft.edges):
        outgoing.setdefault(edge.from_step_id, []).append((index, edge))
        incoming.setdefault(edge.to_step_id, []).append((index, edge))
    return outgoing, incoming


def _branch(path: str, edges: Numbered) -> Iterator[Violation]:
    if not edges:
        yield Violation(path, "branch_without_edges", "a BRANCH has at least one outgoing edge")
    defaults = [index for index, edge in edges if not edge.condition_expr]
    for index in defaults[1:]:
        message = f"the default of this BRANCH is already edges[{defaults[0]}]"
        yield Violation(f"edges[{index}]", "two_defaults", message, suggestion="give this edge a condition")


def _parallel(path: str, edges: Numbered, incoming: Mapping[str, Numbered]) -> Iterator[Violation]:
    if not edges:
        yield Violation(path, "parallel_without_children", "a PARALLEL has at least one outgoing edge")
    for index, edge in edges:
        if edge.condition_expr:
            message, hint = "an edge of a PARALLEL has no condition", "let the edge lead to a BRANCH that decides"
            yield Violation(f"edges[{index}].condition_expr", "parallel_condition", message, suggestion=hint)
        if any(other.from_step_id != edge.from_step_id for _, other in incoming[edge.to_step_id]):
            message = f"child {edge.to_step_id!r} of a PARALLEL has another incoming edge"
            yield Violation(f"edges[{index}].to_step_id", "parallel_child_shared", message)


def _routes(edges: Numbered) -> Iterator[Violation]:
    for index, edge in edges:
        if not edge.condition_expr:
            message = "a step that routes denials has a condition on every outgoing edge"
            yield Violation(f"edges[{index}].condition_expr", "route_without_condition", message)


# --- what is sound -------------------------------------------------------------------------------------------------


def sound_graph(draft: Version) -> Graph:
    """The graph without what `problems` finds wrong. Where it is cyclic every step counts as upstream."""
    steps = {step.id: step for step in reversed(draft.steps)}.values()
    ids, edges = _main(draft)
    if nx.is_directed_acyclic_graph(digraph(ids, edges)):
        return Graph.of(map(_not_itself, reversed(steps)), edges)
    return replace(Graph.of(map(_not_itself, steps), ()), upstream=dict.fromkeys(ids, frozenset(ids)))


def _not_itself(step: StepDefinition) -> StepDefinition:
    return replace(step, compensation_step_id="") if step.compensation_step_id == step.id else step
