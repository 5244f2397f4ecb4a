"""What a journey's test does and looks at: starts a run of a graph, reports on a step, reads what came of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from google.protobuf import json_format
from psycopg import sql
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.serving import Call
from tests.world import PATIENCE_SECONDS, World, step_state, struct


async def begin(
    shared: World, like: pb.PublishVersionRequest, payload: Mapping[str, Any] | None = None, **fields: Any
) -> pb.WorkflowRun:
    published = await shared.publish(like)
    return await shared.start(published.definition.id, payload, **fields)


class Rows:
    """Looks into the tables of a world's database."""

    def __init__(self, owner: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        self._owner = owner

    async def of(self, table: str, run_id: str) -> list[dict[str, Any]]:
        query = sql.SQL("select * from {} where run_id = %s").format(sql.Identifier(table))
        return await (await self._owner.execute(query, (run_id,))).fetchall()

    async def run(self, run_id: str) -> dict[str, Any]:
        rows = await self._owner.execute("select * from workflow_runs where id = %s", (run_id,))
        return (await rows.fetchall())[0]

    async def deliveries(self, definition_id: str) -> list[dict[str, Any]]:
        """The events that were routed to a definition, and what became of them."""
        rows = await self._owner.execute("select * from trigger_deliveries where definition_id = %s", (definition_id,))
        return await rows.fetchall()

    async def evidence(self, run_id: str, step_id: str) -> dict[str, Any]:
        """What was kept of a step's decision."""
        return next(row["evidence"] for row in await self.of("step_runs", run_id) if row["step_id"] == step_id)


async def until_siblings(shared: World, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await shared.siblings.until(holds)


async def report(shared: World, run_id: str, step_id: str, state: str, **said: Any) -> pb.TransitionStepResponse:
    number = pb.StepRunState.Value(f"STEP_RUN_STATE_{state}")
    if "output" in said:
        said["output_payload"] = struct(said.pop("output"))
    return await shared.stub.TransitionStep(
        pb.TransitionStepRequest(run_id=run_id, step_id=step_id, state=number, **said)
    )


def states(run: pb.WorkflowRun) -> dict[str, str]:
    return {each.step_id: step_state(run, each.step_id) for each in run.steps}


def found(run: pb.WorkflowRun, step_id: str) -> pb.StepRun:
    return next(each for each in run.steps if each.step_id == step_id)


def asked(shared: World, run_id: str) -> list[Call]:
    """What the siblings were asked for this run."""
    return [call for call in shared.siblings.calls if call.idempotency_key.startswith(f"{run_id}/")]


def plain(payload: Any) -> dict[str, Any]:
    return json_format.MessageToDict(payload)


async def told_of(shared: World, objective_id: str, state: str, **more: Any) -> None:
    """Says on the bus what became of an objective, in words of one's own."""
    payload = {"id": objective_id, "state": f"OBJECTIVE_STATE_{state}", **more}
    change = {"@type": "type.googleapis.com/events.v1.Change", "aggregate_type": "objective", "payload": payload}
    await shared.say(f"objectives.changes.objective.{state.lower()}", change)


async def at_work(shared: World, run_id: str, step_id: str) -> str:
    """The objective of a step, once it is linked."""
    run = await shared.until(run_id, lambda run: bool(found(run, step_id).objective_id))
    return found(run, step_id).objective_id
