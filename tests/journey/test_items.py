"""AGENT_ACTION with `config.items`: one objective per item, so many at once, so many failures tolerated, in order.

Items are not on the wire: what became of each is in the database's `step_items`.
"""

import logging
from collections import Counter
from time import perf_counter
from typing import Any

import orjson
import pytest
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Work
from tests.journey.acting import Rows, begin, found, plain, states, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, graph
from tests.promises import scale
from tests.world import World, step_state

log = logging.getLogger(__name__)


def each(step_id: str, config: dict[str, Any] | None = None, **fields: Any) -> pb.StepDefinition:
    return agent(step_id, config={"items": "input.list", **(config or {})}, **fields)


def told(objective: objectives_pb2.Objective) -> dict[str, Any]:
    """What the objective's description says to machines."""
    *_, line, _ = objective.description.splitlines()
    read: dict[str, Any] = orjson.loads(line)
    return read


def objectives_of(shared: World, run_id: str) -> dict[int, objectives_pb2.Objective]:
    """The latest objective of each item, by the item's index."""
    ours = (one for one in shared.siblings.objectives.values() if told(one)["run_id"] == run_id)
    return {told(one)["input"]["index"]: one for one in ours}


async def until_at_work(shared: World, run_id: str, count: int) -> dict[int, objectives_pb2.Objective]:
    await until_siblings(shared, lambda: len(objectives_of(shared, run_id)) == count)
    return objectives_of(shared, run_id)


async def finish(shared: World, objective: objectives_pb2.Objective, **fields: Any) -> None:
    await shared.siblings.finish_objective(objective.id, Work({"got": told(objective)["input"]["item"]}, **fields))


def busiest(objectives: dict[int, objectives_pb2.Objective]) -> int:
    """The most objectives that were open at the same moment."""
    moments = [(one.created_at.ToNanoseconds(), 1) for one in objectives.values()]
    moments += [(one.updated_at.ToNanoseconds(), -1) for one in objectives.values()]
    at_once = most = 0
    for _, change in sorted(moments):
        at_once += change
        most = max(most, at_once)
    return most


# --- the main line -------------------------------------------------------------------------------------------------


async def test_results_are_in_the_order_of_the_list(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["ordered"] = Work(held=True)
    run = await begin(shared, chain(each("ordered")), {"list": ["a", "b", "c"]})
    for _, objective in sorted((await until_at_work(shared, run.id, 3)).items(), reverse=True):
        await finish(shared, objective, cost_usd=0.25)
    ended = await shared.until_ended(run.id)
    assert plain(ended.output_payload) == {"items": [{"got": "a"}, {"got": "b"}, {"got": "c"}]}
    assert ended.total_cost_usd == found(ended, "ordered").cost_usd == 0.75
    kept = await rows.of("step_items", run.id)
    items = [(item["item_index"], item["state"], item["attempt"], item["output_payload"]) for item in kept]
    assert sorted(items) == [(n, "COMPLETED", 1, {"got": letter}) for n, letter in enumerate("abc")]
    assert all(item["objective_id"] in shared.siblings.objectives for item in kept)


async def test_item_and_index_are_in_scope(shared: World) -> None:
    scope = {"who": "item.name", "place": "index + 1.0", "of": "size(input.list)"}
    run = await begin(
        shared, chain(each("scoped", {"input": {**scope, "index": "index"}})), {"list": [{"name": "ann"}]}
    )
    await shared.until_ended(run.id)
    assert told(objectives_of(shared, run.id)[0])["input"] == {"who": "ann", "place": 1, "of": 1, "index": 0}


async def test_an_empty_list_is_done_at_once(shared: World) -> None:
    run = await begin(shared, chain(each("nothing")), {"list": []})
    assert (run.state, plain(run.output_payload)) == (pb.WORKFLOW_STATE_COMPLETED, {"items": []})


async def test_what_is_no_list_fails_the_step(shared: World) -> None:
    run = await begin(shared, chain(each("what")), {"list": "abc"})
    assert found(run, "what").error_message == "config.items does not yield a list"


async def test_a_batch_begins_when_the_one_before_has_ended(shared: World) -> None:
    shared.siblings.script.work["batched"] = Work(held=True)
    run = await begin(shared, chain(each("batched", {"batch_size": 2})), {"list": [1, 2, 3]})
    first = await until_at_work(shared, run.id, 2)
    await finish(shared, first[1])
    await shared.until(run.id, lambda _: first[1].state == objectives_pb2.OBJECTIVE_STATE_COMPLETED)
    assert set(objectives_of(shared, run.id)) == {0, 1}
    await finish(shared, first[0])
    await finish(shared, (await until_at_work(shared, run.id, 3))[2])
    assert states(await shared.until_ended(run.id)) == {"batched": "COMPLETED"}


# --- failures ------------------------------------------------------------------------------------------------------


async def test_an_item_is_tried_again_by_itself(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["again"] = Work({"ok": True}, failures=1, cost_usd=0.25)
    run = await begin(shared, chain(each("again", retry_policy=ONCE_MORE_SOON)), {"list": [1, 2, 3]})
    ended = await shared.until_ended(run.id)
    assert plain(ended.output_payload) == {"items": [{"ok": True}] * 3}
    assert (found(ended, "again").retry_count, ended.total_cost_usd) == (0, 1.0)
    assert sorted(item["attempt"] for item in await rows.of("step_items", run.id)) == [1, 1, 2]


async def test_tolerated_failures_are_told_in_their_places(shared: World) -> None:
    shared.siblings.script.work["lenient"] = Work(held=True)
    run = await begin(shared, chain(each("lenient", {"tolerated_failures": 1})), {"list": ["a", "b", "c"]})
    for index, objective in (await until_at_work(shared, run.id, 3)).items():
        await finish(shared, objective, **({"state": "FAILED", "error_message": "tired"} if index == 1 else {}))
    ended = await shared.until_ended(run.id)
    failure = {"error": {"reason": "objective_failed", "message": "tired"}}
    assert plain(ended.output_payload) == {"items": [{"got": "a"}, failure, {"got": "c"}]}


async def test_one_failure_too_many_ends_the_others(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["strict"] = Work(held=True)
    like = chain(each("strict", {"tolerated_failures": 1, "concurrency": 3}))
    run = await begin(shared, like, {"list": [1, 2, 3, 4, 5]})
    at_work = await until_at_work(shared, run.id, 3)
    for index in (0, 1):
        await finish(shared, at_work[index], state="FAILED", error_message="tired")
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert found(ended, "strict").error_message.startswith("2 of 5 items failed; strict[0]: tired")
    counted = Counter(item["state"] for item in await rows.of("step_items", run.id))
    assert counted == {"FAILED": 2, "CANCELLED": 3}
    open_ = objectives_pb2.OBJECTIVE_STATE_RUNNING
    await until_siblings(shared, lambda: all(one.state != open_ for one in objectives_of(shared, run.id).values()))


async def test_a_failing_run_starts_no_more_items_and_records_those_at_work(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["stopped"] = shared.siblings.script.work["doomed"] = Work(held=True)
    steps = [each("stopped", {"concurrency": 2}), agent("doomed")]
    run = await begin(shared, graph(steps), {"list": list(range(100))})
    open_ = await shared.until(run.id, lambda run: bool(found(run, "doomed").objective_id))
    await until_siblings(shared, lambda: len(items_of(shared, run.id)) == 2)
    await shared.siblings.finish_objective(found(open_, "doomed").objective_id, Work(state="FAILED"))
    await shared.until_step(run.id, "doomed", "FAILED")
    assert step_state(await shared.run(run.id), "stopped") == "RUNNING"
    for objective in items_of(shared, run.id):
        await finish(shared, objective, cost_usd=0.5)
    ended = await shared.until_ended(run.id)
    assert states(ended) == {"stopped": "CANCELLED", "doomed": "FAILED"}
    assert ended.total_cost_usd == 1.0
    counted = Counter(item["state"] for item in await rows.of("step_items", run.id))
    assert counted == {"COMPLETED": 2, "CANCELLED": 98}


async def test_cancelling_in_the_middle_reaches_every_item(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["called-off"] = Work(held=True)
    run = await begin(shared, chain(each("called-off", {"concurrency": 3})), {"list": list(range(10))})
    at_work = await until_at_work(shared, run.id, 3)
    answer = await shared.stub.CancelRun(pb.CancelRunRequest(id=run.id, reason="enough"))
    assert (answer.run.state, states(answer.run)) == (pb.WORKFLOW_STATE_CANCELLED, {"called-off": "CANCELLED"})
    assert {item["state"] for item in await rows.of("step_items", run.id)} == {"CANCELLED"}
    gone = objectives_pb2.OBJECTIVE_STATE_CANCELLED
    await until_siblings(shared, lambda: all(one.state == gone for one in at_work.values()))
    assert len(objectives_of(shared, run.id)) == 3


def items_of(shared: World, run_id: str) -> list[objectives_pb2.Objective]:
    ours = (one for one in shared.siblings.objectives.values() if told(one)["run_id"] == run_id)
    return [one for one in ours if told(one)["step_id"] != "doomed"]


async def test_the_timeout_bounds_one_attempt_of_one_item(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["timed"] = Work(held=True)
    like = chain(each("timed", {"concurrency": 1, "tolerated_failures": 1}, timeout_seconds=4))
    run = await begin(shared, like, {"list": ["slow", "quick"]})
    slow = (await until_at_work(shared, run.id, 1))[0]
    await finish(shared, (await until_at_work(shared, run.id, 2))[1])
    ended = await shared.until_ended(run.id)
    timed_out = {"error": {"reason": "timed_out", "message": "the attempt reached its timeout"}}
    assert plain(ended.output_payload) == {"items": [timed_out, {"got": "quick"}]}
    await until_siblings(shared, lambda: slow.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)


# --- many ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [scale(300, 1000)])
async def test_many_items_twenty_at_once_and_one_in_twenty_fails(shared: World, rows: Rows, count: int) -> None:
    shared.siblings.script.work["many"] = Work({"ok": True}, failures=count // 20)
    config = {"concurrency": 20, "tolerated_failures": count // 20}
    began = perf_counter()
    run = await begin(shared, chain(each("many", config)), {"list": list(range(count))})
    await shared.until_told(run.id, "run.completed", patience_seconds=60)
    seconds = perf_counter() - began
    log.info("%d items in %.1f s, %.0f items/s", count, seconds, count / seconds)
    results = plain((await shared.run(run.id)).output_payload)["items"]
    assert Counter("error" in result for result in results) == {False: count - count // 20, True: count // 20}
    assert len(objectives_of(shared, run.id)) == len(await rows.of("step_items", run.id)) == count
    assert busiest(objectives_of(shared, run.id)) <= 20
