"""The main graph of a version: order, neighbours, ancestors, and what is not on it."""

from hypothesis import given
from hypothesis import strategies as st

from service.domain.definition import Edge
from service.domain.graph import Graph
from tests.domain.drafts import draft, edges, pipeline, step


def test_the_pipeline() -> None:
    version = pipeline()
    graph = Graph.of(version.steps, version.edges)
    assert graph.order == tuple(step.id for step in version.steps[:-1])
    assert graph.compensation == {"notify-outreach-failed"}
    assert [edge.label for edge in graph.outgoing["route-by-value"]] == ["high-value", "standard"]
    assert [edge.from_step_id for edge in graph.incoming["send-outreach"]] == ["route-by-value", "approve-high-value"]
    assert graph.upstream["research-company"] == frozenset()
    assert graph.upstream["route-by-value"] == {"research-company", "qualify-lead", "check-governance"}


def test_ties_go_in_declaration_order() -> None:
    version = draft("c", "b", "a", "z", edges=edges("z>c"))
    assert Graph.of(version.steps, version.edges).order == ("b", "a", "z", "c")


def test_an_empty_graph() -> None:
    assert Graph.of((), ()) == Graph((), {}, {}, {}, frozenset(), {})


@given(st.integers(1, 12), st.data())
def test_every_step_comes_after_all_that_is_upstream(count: int, data: st.DataObject) -> None:
    pairs = [(f"s{low}", f"s{high}") for high in range(count) for low in range(high)]
    chosen = data.draw(st.lists(st.sampled_from(pairs), unique=True) if pairs else st.just([]))
    steps = data.draw(st.permutations([step(f"s{number}") for number in range(count)]))
    graph = Graph.of(steps, [Edge(*pair) for pair in chosen])
    for place, id in enumerate(graph.order):
        assert graph.upstream[id] <= set(graph.order[:place])
        assert {edge.from_step_id for edge in graph.incoming[id]} <= graph.upstream[id]
    assert len(graph.order) == count
