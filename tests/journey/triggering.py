"""Definitions that start themselves, and how to see which runs they started."""

import asyncio
from collections.abc import Mapping
from typing import Any

from workflows.v1 import workflows_pb2 as pb

from tests.bus.producers import Sent
from tests.journey.graphs import chain, task
from tests.world import PATIENCE_SECONDS, WORKSPACE, World, struct


def on_event(event_type: str = "", filter_expr: str = "", event_subject: str = "") -> pb.WorkflowTrigger:
    return pb.WorkflowTrigger(
        trigger_type=pb.TRIGGER_TYPE_EVENT, event_type=event_type, event_subject=event_subject, filter_expr=filter_expr
    )


def on_tap(provider: str = "", entity_type: str = "", action: str = "", filter_expr: str = "") -> pb.WorkflowTrigger:
    return pb.WorkflowTrigger(
        trigger_type=pb.TRIGGER_TYPE_WEBHOOK,
        tap_provider=provider,
        tap_entity_type=entity_type,
        tap_action=action,
        filter_expr=filter_expr,
    )


def on_tick(cron_expr: str) -> pb.WorkflowTrigger:
    return pb.WorkflowTrigger(trigger_type=pb.TRIGGER_TYPE_SCHEDULE, cron_expr=cron_expr)


async def triggered(world: World, trigger: pb.WorkflowTrigger, *steps: pb.StepDefinition) -> str:
    """A definition with that trigger; of one human task unless steps are given."""
    return (await world.publish(chain(*(steps or (task("sign"),)), trigger=trigger))).definition.id


async def runs_of(world: World, definition_id: str) -> list[pb.WorkflowRun]:
    return list((await world.stub.ListRuns(pb.ListRunsRequest(definition_id=definition_id))).runs)


async def until_started(world: World, definition_id: str, count: int = 1) -> list[pb.WorkflowRun]:
    """The runs of the definition, once there are that many."""
    async with asyncio.timeout(PATIENCE_SECONDS), world.heard:
        while len(found := await runs_of(world, definition_id)) < count:
            await world.heard.wait()
    return found


async def until_taken_in(world: World, name: str) -> None:
    """Until everything that was said before has started what it starts. `name` is used once."""
    last = await triggered(world, on_event(f"siphon.tap.{name}"))
    await world.say(f"siphon.tap.{name}", {})
    await until_started(world, last)


async def start_exactly(world: World, name: str, wanted: Mapping[str, int]) -> None:
    """So many runs of each definition, and no more when what was said later has started. `name` is used once."""
    for definition_id, count in wanted.items():
        await until_started(world, definition_id, count)
    await until_taken_in(world, name)
    assert {definition_id: len(await runs_of(world, definition_id)) for definition_id in wanted} == wanted


async def send(world: World, subject: str, sent: Sent) -> None:
    await world.bus.jetstream().publish(subject, sent.body, headers=sent.headers or None)


def handing_in(
    kind: str, event_id: str, payload: Mapping[str, Any] | None = None, **fields: Any
) -> pb.HandleTriggerRequest:
    """`kind` is the trigger type's name without its prefix."""
    return pb.HandleTriggerRequest(
        workspace_id=fields.pop("workspace_id", WORKSPACE),
        trigger_type=pb.TriggerType.Value(f"TRIGGER_TYPE_{kind}"),
        trigger_event_id=event_id,
        input_payload=struct(payload or {}),
        **fields,
    )
