"""The main graph of a version: order, neighbours, ancestors.

Compensation steps (those that another step's `compensation_step_id` names) are not on it. A `Graph` is built from a
version that passed the publish checks, or from the sound part of one that did not; it is never asked to judge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from service.domain.definition import Edge, StepDefinition


@dataclass(frozen=True, slots=True)
class Graph:
    """`order` is topological, ties in declaration order; neighbours come in the order in which edges are declared.

    `incoming`, `outgoing` and `upstream` (all ancestors) have an entry for every step in `order`; `undoes` names for
    each compensation step the one it undoes.
    """

    order: tuple[str, ...]
    incoming: Mapping[str, tuple[Edge, ...]]
    outgoing: Mapping[str, tuple[Edge, ...]]
    upstream: Mapping[str, frozenset[str]]
    compensation: frozenset[str]
    undoes: Mapping[str, str]

    @classmethod
    def of(cls, steps: Iterable[StepDefinition], edges: Iterable[Edge]) -> "Graph":
        """The graph must be acyclic and its edges must connect steps of the main graph."""
        steps, edges = tuple(steps), tuple(edges)
        compensation = compensation_ids(steps)
        place = {step.id: index for index, step in enumerate(steps) if step.id not in compensation}
        order = tuple(nx.lexicographical_topological_sort(digraph(place, edges), key=place.__getitem__))
        incoming = _grouped(order, ((edge.to_step_id, edge) for edge in edges))
        return cls(
            order=order,
            incoming=incoming,
            outgoing=_grouped(order, ((edge.from_step_id, edge) for edge in edges)),
            upstream=_upstream(order, incoming),
            compensation=compensation,
            undoes={step.compensation_step_id: step.id for step in steps if step.compensation_step_id},
        )


def compensation_ids(steps: Iterable[StepDefinition]) -> frozenset[str]:
    return frozenset(step.compensation_step_id for step in steps if step.compensation_step_id)


def digraph(ids: Iterable[str], edges: Iterable[Edge]) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_edges_from((edge.from_step_id, edge.to_step_id) for edge in edges)
    return graph


def _grouped(ids: Iterable[str], keyed: Iterable[tuple[str, Edge]]) -> dict[str, tuple[Edge, ...]]:
    groups: dict[str, list[Edge]] = {id: [] for id in ids}
    for id, edge in keyed:
        groups[id].append(edge)
    return {id: tuple(group) for id, group in groups.items()}


def _upstream(order: Iterable[str], incoming: Mapping[str, tuple[Edge, ...]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for id in order:
        sources = [edge.from_step_id for edge in incoming[id]]
        found[id] = frozenset(sources).union(*(found[source] for source in sources))
    return found
