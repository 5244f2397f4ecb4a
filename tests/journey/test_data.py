"""What steps hand on: merged at joins, passed through what only decides, mapped by `config.input`, down to the output.

Each row is a graph, what it starts with, and how it ends: the run's output and the steps that were skipped. The agents
`one`, `two` and `three` hand down their number and their name as the last one.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Ruling, Work
from tests.journey.acting import begin, found, plain, states
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, check, edge, gate, graph, step
from tests.world import World

ONE: dict[str, Any] = {"one": 1, "last": "one"}
TWO: dict[str, Any] = {"two": 2, "last": "two"}
THREE: dict[str, Any] = {"three": 3, "last": "three"}


@dataclass(frozen=True)
class Row:
    like: pb.PublishVersionRequest
    output: dict[str, Any]
    payload: dict[str, Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


def branch(step_id: str, condition: str = "") -> pb.StepDefinition:
    return step(step_id, "BRANCH", condition_expr=condition)


def tell(step_id: str, **config: Any) -> pb.StepDefinition:
    return step(step_id, "NOTIFICATION", {"recipient": "ann", **config})


TWO_LEVELS = graph(
    [branch("top", "input.n"), branch("left", "input.n"), agent("one"), agent("two"), agent("three"), tell("end")],
    edge("top>left", "n < 10.0"),
    edge("top>three"),
    edge("left>one", "n < 5.0"),
    edge("left>two"),
    *("one>end", "two>end", "three>end"),
)

ROWS = {
    "what only decides hands its input on": Row(
        graph([check("check"), gate("ask"), branch("route"), tell("end")], "check>ask", "ask>route", "route>end"),
        {"lead": "dana"},
        {"lead": "dana"},
    ),
    "a join merges in topological order": Row(
        graph([agent("two"), agent("one"), tell("join")], "two>join", "one>join"), {**TWO, **ONE}
    ),
    "the ends of a run make its output": Row(graph([agent("one"), agent("two")]), {**ONE, **TWO}),
    "an input is mapped from anything upstream": Row(
        chain(agent("one"), agent("a-b"), tell("end", input={"n": "one.output.one + input.n", "s": "a_b.state"})),
        {"n": 4, "s": "COMPLETED"},
        {"n": 3},
    ),
    "an object that a condition yields is merged in": Row(
        graph(
            [branch("route", "{'big': input.n > 5.0}"), agent("one"), agent("two")],
            edge("route>one", "big"),
            edge("route>two"),
        ),
        ONE,
        {"n": 7},
        ("two",),
    ),
    "every edge that holds is taken": Row(
        graph(
            [agent("a-b"), agent("one"), agent("two"), agent("three")],
            edge("a-b>one", "input.n > 1.0"),
            edge("a-b>two", "input.n > 2.0"),
            edge("a-b>three", "input.n > 3.0"),
        ),
        {**ONE, **TWO},
        {"n": 3},
        ("three",),
    ),
    "a name that is absent is null on an edge": Row(
        graph(
            [agent("fails", config={"on_failure": "continue"}), agent("one"), agent("two")],
            edge("fails>one", "error != null && error.reason == 'objective_failed'"),
            edge("fails>two", "error == null"),
        ),
        ONE,
        skipped=("two",),
    ),
    "two levels down, one way": Row(TWO_LEVELS, ONE, {"n": 3}, ("two", "three")),
    "two levels down, another way": Row(TWO_LEVELS, TWO, {"n": 7}, ("one", "three")),
    "past the second level": Row(TWO_LEVELS, THREE, {"n": 11}, ("left", "one", "two")),
}


@pytest.fixture(scope="module", autouse=True)
def scripted(shared: World) -> None:
    for output in (ONE, TWO, THREE):
        shared.siblings.script.work[output["last"]] = Work(output)
    shared.siblings.script.work["fails"] = Work(state="FAILED")
    shared.siblings.script.approvals["ask"] = Ruling("APPROVED")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_what_is_handed_on(shared: World, row: Row) -> None:
    run = await begin(shared, row.like, row.payload)
    ended = await shared.until_ended(run.id)
    assert states(ended) == {each.id: "SKIPPED" if each.id in row.skipped else "COMPLETED" for each in row.like.steps}
    assert plain(ended.output_payload) == row.output


async def test_a_step_that_was_skipped_has_an_empty_output(shared: World) -> None:
    seen = tell("end", input={"state": "steps['two'].state", "output": "steps['two'].output", "n": "one.retry_count"})
    ways = edge("route>one", "true"), edge("route>two")
    like = graph([branch("route"), agent("one"), agent("two"), seen], *ways, "one>end", "two>end")
    ended = await shared.until_ended((await begin(shared, like)).id)
    assert plain(found(ended, "end").input_payload) == {"state": "SKIPPED", "output": {}, "n": 0}


@pytest.mark.parametrize(("size", "state"), [(262_000, "COMPLETED"), (263_000, "FAILED")])
async def test_what_is_too_large_to_hand_on_fails_its_step(shared: World, size: int, state: str) -> None:
    shared.siblings.script.work["much"] = Work({"text": "x" * size})
    run = await begin(shared, chain(agent("much", retry_policy=ONCE_MORE_SOON)))
    ended = await shared.until_ended(run.id)
    assert states(ended) == {"much": state}
    assert ("over 256 KiB" in found(ended, "much").error_message) == (state == "FAILED")
