"""The outbound pipeline of the contract's fixtures, through every layer: gRPC, database, bus and siblings."""

from typing import Any

import pytest
from google.protobuf import json_format
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Work
from tests.world import WORKSPACE, World, fixture, step_state

VERSION = fixture("publish_version_response.json", pb.PublishVersionResponse).version
RUN = fixture("get_run_response.json", pb.GetRunResponse).run
ONLY_PRESENCE = {"id", "definition_id", "started_at", "completed_at", "recorded_at", "created_at", "updated_at"}
ONLY_PRESENCE |= {"objective_id", "approval_request_id", "run_id", "definition_version", "delegation_id"}


def shows(excerpt: Any, real: Any, path: str = "") -> list[str]:
    """Where the real message lacks what the excerpt shows: steps by id, Structs by key, ids and times by presence."""
    if isinstance(excerpt, dict) and isinstance(real, dict):
        return [gap for key, value in excerpt.items() for gap in _shows_key(key, value, real, f"{path}.{key}")]
    if isinstance(excerpt, list) and excerpt and isinstance(excerpt[0], dict) and "step_id" in excerpt[0]:
        by_id = {step["step_id"]: step for step in real}
        return [
            gap for step in excerpt for gap in shows(step, by_id.get(step["step_id"]), f"{path}[{step['step_id']}]")
        ]
    return [] if excerpt == real else [f"{path}: {excerpt!r} != {real!r}"]


def _shows_key(key: str, value: Any, real: dict[str, Any], path: str) -> list[str]:
    if key not in real:
        return [f"{path} is missing"]
    return [] if key in ONLY_PRESENCE else shows(value, real[key], path)


def as_dict(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def outputs(deal: float) -> dict[str, Work]:
    """What the agents of the fixture's run brought, for a deal of this size."""
    by_step = {step["step_id"]: step for step in as_dict(RUN)["steps"]}
    research, qualify = by_step["research-company"], by_step["qualify-lead"]
    return {
        "company.research": Work(research["output_payload"], research["cost_usd"]),
        "lead.qualify": Work({**qualify["output_payload"], "deal_value_usd": deal}, qualify["cost_usd"]),
        "outreach.send": Work({"message_id": "msg_1"}, 0.01),
    }


async def start_pipeline(world: World, deal: float) -> pb.WorkflowRun:
    world.siblings.script.work.update(outputs(deal))
    published = await world.publish(VERSION)
    given = as_dict(RUN)
    return await world.start(
        published.definition.id,
        given["input_payload"],
        trigger_type=RUN.trigger_type,
        trigger_event_id=RUN.trigger_event_id,
        initiator_agent_id=RUN.initiator_agent_id,
        entity_id=RUN.entity_id,
        entity_type=RUN.entity_type,
    )


async def test_publishing_the_fixtures_version_returns_its_steps_and_edges(world: World) -> None:
    answer = await world.publish(VERSION)
    assert list(answer.version.steps) == list(VERSION.steps)
    assert list(answer.version.edges) == list(VERSION.edges)
    assert answer.version.trigger == VERSION.trigger
    assert (answer.version.version, answer.definition.latest_version) == (1, 1)
    again = await world.publish(VERSION, answer.definition)
    assert again.version.version == 2


async def test_a_high_value_lead_reaches_the_fixtures_state_and_then_the_end(world: World) -> None:
    run = await start_pipeline(world, 85000)
    await world.until_step(run.id, "approve-high-value", "WAITING")
    assert shows(as_dict(RUN), as_dict(await world.run(run.id))) == []
    started = fixture("run_lifecycle_event_started.json", pb.WorkflowRunLifecycleEvent)
    waiting = fixture("step_lifecycle_event_waiting.json", pb.WorkflowStepLifecycleEvent)
    told = await world.until_told(run.id, "step.waiting")
    assert shows(as_dict(started), told[0].body) == []
    gate = next(change for change in told if change.type.endswith("step.waiting"))
    assert shows(as_dict(waiting), gate.body) == []

    (approval_id,) = world.siblings.approvals
    await world.siblings.decide_approval(approval_id, "APPROVED", "user_manager", "go")
    await world.until_step(run.id, "wait-for-reply", "WAITING")
    reply = await world.say("siphon.tap.gmail.message.received", {"from": "dana.reyes@northwind.example"})
    ended = await world.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_COMPLETED
    assert as_dict(ended.output_payload) == {"from": "dana.reyes@northwind.example"}
    last = next(step for step in ended.steps if step.step_id == "wait-for-reply")
    assert last.event_id == reply
    assert ended.total_cost_usd == pytest.approx(0.065)
    told = await world.until_told(run.id, "run.completed")
    assert [change.sequence for change in told] == list(range(1, len(told) + 1))
    assert told[-1].type == "workflows.changes.run.completed"
    assert {change.headers["ce-tenantid"] for change in told} == {WORKSPACE}


async def test_a_standard_lead_skips_the_approval(world: World) -> None:
    run = await start_pipeline(world, 20000)
    await world.until_step(run.id, "wait-for-reply", "WAITING")
    found = await world.run(run.id)
    assert step_state(found, "approve-high-value") == "SKIPPED"
    assert world.siblings.approvals == {}


async def test_a_denial_fails_the_run_and_nothing_is_sent(world: World) -> None:
    run = await start_pipeline(world, 85000)
    await world.until_step(run.id, "approve-high-value", "WAITING")
    (approval_id,) = world.siblings.approvals
    await world.siblings.decide_approval(approval_id, "DENIED", "user_manager", "too risky")
    ended = await world.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert step_state(ended, "send-outreach") == "PENDING"
    assert "too risky" in next(s.error_message for s in ended.steps if s.step_id == "approve-high-value")


async def test_each_effect_is_asked_under_one_key(world: World) -> None:
    run = await start_pipeline(world, 20000)
    await world.until_step(run.id, "wait-for-reply", "WAITING")
    keys = [call.idempotency_key for call in world.siblings.calls if call.idempotency_key]  # reads carry none
    assert len(keys) == len(set(keys))
    assert all(key.startswith(f"{run.id}/") for key in keys)
