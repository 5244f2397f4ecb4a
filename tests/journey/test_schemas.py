"""Schemas beside a version, from outside: every way to start a run meets the one, every way to end it the other."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from grpc import StatusCode
from workflows.ops.v1 import definitions_pb2 as ops
from workflows.ops.v1 import schedules_pb2
from workflows.ops.v1.definitions_pb2_grpc import DefinitionServiceStub
from workflows.ops.v1.schedules_pb2_grpc import ScheduleServiceStub
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Work
from tests.edge.edge import refused
from tests.journey.acting import Rows, begin, found, report, states
from tests.journey.controlling import fork, key
from tests.journey.graphs import agent, chain, task
from tests.journey.test_schedules import scheduled, wire
from tests.journey.test_sub_workflows import by_id, calling, child_of
from tests.journey.triggering import handing_in, on_event, on_tick, runs_of, triggered
from tests.world import World, struct

NEEDS_EMAIL = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}


async def demand(shared: World, definition_id: str, **schemas: Any) -> ops.VersionSchemas:
    """Sets the schemas of the latest version."""
    request = ops.SetSchemasRequest(definition_id=definition_id)
    for name, schema in schemas.items():
        getattr(request, f"{name}_schema").CopyFrom(struct(schema))
    return (await DefinitionServiceStub(shared.channel).SetSchemas(request)).schemas


async def made(shared: World, *steps: pb.StepDefinition, **schemas: Any) -> str:
    definition_id = (await shared.publish(chain(*(steps or (task("a"),))))).definition.id
    await demand(shared, definition_id, **schemas)
    return definition_id


# --- starting --------------------------------------------------------------------------------------------------------


async def test_a_start_that_does_not_conform_is_refused_with_every_place(shared: World) -> None:
    definition_id = await made(shared, input=NEEDS_EMAIL)
    error = await refused(shared.start(definition_id, {"email": 5}))
    assert (error.code, error.reason) == (StatusCode.INVALID_ARGUMENT, "input_schema")
    assert error.fields == {"input_payload.email": ["schema_mismatch"]}
    assert await runs_of(shared, definition_id) == []
    run = await shared.start(definition_id, {"email": "a@b"})
    assert states(run) == {"a": "WAITING"}
    await demand(shared, definition_id)
    await shared.start(definition_id, {"email": 5})


async def test_a_start_that_is_repeated_is_answered_whatever_is_demanded_since(shared: World) -> None:
    definition_id = await made(shared)
    request = pb.StartRunRequest(definition_id=definition_id, input_payload=struct({"x": 1}))
    once = key()
    first = (await shared.stub.StartRun(request, metadata=once)).run
    await demand(shared, definition_id, input=NEEDS_EMAIL)
    assert (await shared.stub.StartRun(request, metadata=once)).run == first
    assert (await refused(shared.stub.StartRun(request, metadata=key()))).reason == "input_schema"


async def test_an_event_that_does_not_conform_starts_nothing_and_is_settled(shared: World, rows: Rows) -> None:
    kind = f"mail.{uuid4().hex}"
    definition_id = await triggered(shared, on_event(kind))
    await demand(shared, definition_id, input=NEEDS_EMAIL)
    request = handing_in("EVENT", str(uuid4()), {"email": 5}, event_type=kind)
    answer = await shared.stub.HandleTrigger(request)
    assert not answer.started_runs
    [delivered] = await rows.deliveries(definition_id)
    assert (delivered["outcome"], delivered["run_id"]) == ("input_schema", "")
    fits = handing_in("EVENT", str(uuid4()), {"email": "a@b"}, event_type=kind)
    assert len((await shared.stub.HandleTrigger(fits)).started_runs) == 1


async def test_a_tick_that_is_handed_in_starts_what_it_can(shared: World) -> None:
    cron = "7 7 7 7 *"
    strict, easy = [await triggered(shared, on_tick(cron)) for _ in range(2)]
    await demand(shared, strict, input=NEEDS_EMAIL)
    answer = await shared.stub.HandleTrigger(handing_in("SCHEDULE", "", {"email": 5}, cron_expr=cron))
    assert [run.definition_id for run in answer.started_runs] == [easy]


async def test_a_backfill_tells_why_it_starts_nothing(shared: World) -> None:
    definition = await scheduled(shared, "* * * * *")
    await demand(shared, definition.id, input=NEEDS_EMAIL)
    tick = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    request = schedules_pb2.BackfillRequest(definition_id=definition.id, to=wire(tick), **{"from": wire(tick)})
    error = await refused(ScheduleServiceStub(shared.channel).Backfill(request))
    assert (error.code, error.reason) == (StatusCode.INVALID_ARGUMENT, "input_schema")
    assert await runs_of(shared, definition.id) == []


async def test_a_child_that_does_not_conform_fails_its_step(shared: World) -> None:
    child = await by_id(shared, chain(task("check")), input={"email": "5.0"})
    await demand(shared, child["definition_id"], input=NEEDS_EMAIL)
    run = await shared.until_ended((await begin(shared, chain(calling("call", child)))).id)
    assert run.state == pb.WORKFLOW_STATE_FAILED
    step = found(run, "call")
    assert step.error_message.startswith("input_payload.email is not of type string")
    assert await runs_of(shared, child["definition_id"]) == []


async def test_a_fork_meets_the_schemas_of_now(shared: World) -> None:
    definition_id = await made(shared)
    run = await shared.start(definition_id, {"x": 1})
    await demand(shared, definition_id, input=NEEDS_EMAIL)
    error = await refused(fork(shared, run.id, "a"))
    assert (error.code, error.reason) == (StatusCode.FAILED_PRECONDITION, "input_schema")


# --- completing ------------------------------------------------------------------------------------------------------


async def test_a_run_whose_output_does_not_conform_has_failed(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["write"] = Work({"mail": "a@b"})
    definition_id = await made(shared, agent("write"), output=NEEDS_EMAIL)
    run = await shared.until_ended((await shared.start(definition_id)).id)
    assert (run.state, states(run)) == (pb.WORKFLOW_STATE_FAILED, {"write": "COMPLETED"})
    stored = await rows.run(run.id)
    assert stored["failure_reason"] == "output_schema"
    assert stored["failure_message"].startswith("output_payload 'email' is a required property")
    await shared.until_told(run.id, "run.failed")


async def test_a_run_is_checked_by_what_was_demanded_when_it_started(shared: World) -> None:
    definition_id = await made(shared)
    before = await shared.start(definition_id)
    await demand(shared, definition_id, output=NEEDS_EMAIL)
    after = await shared.start(definition_id)
    for run, state in ((before, pb.WORKFLOW_STATE_COMPLETED), (after, pb.WORKFLOW_STATE_FAILED)):
        await report(shared, run.id, "a", "COMPLETED", output_payload=struct({"mail": "a@b"}))
        assert (await shared.run(run.id)).state == state


async def test_a_child_whose_output_does_not_conform_fails_its_step(shared: World) -> None:
    child = await by_id(shared, chain(task("check")))
    await demand(shared, child["definition_id"], output=NEEDS_EMAIL)
    run = await begin(shared, chain(calling("call", child)))
    await report(shared, (await child_of(shared, run)).id, "check", "COMPLETED")
    run = await shared.until_ended(run.id)
    assert "as the output schema demands" in found(run, "call").error_message


# --- what is in force ------------------------------------------------------------------------------------------------


async def test_every_revision_can_be_read_and_compared(shared: World) -> None:
    definition_id = await made(shared, input=NEEDS_EMAIL)
    stub = DefinitionServiceStub(shared.channel)
    assert (await demand(shared, definition_id, output=NEEDS_EMAIL)).revision == 2
    first = (await stub.GetSchemas(ops.GetSchemasRequest(definition_id=definition_id, revision=1))).schemas
    assert (first.input_schema, first.output_schema) == (struct(NEEDS_EMAIL), struct({}))
    assert (first.set_by, first.HasField("set_at")) == ("anonymous", True)
    await shared.publish(chain(task("a")), pb.WorkflowDefinition(id=definition_id))
    asked = ops.DiffVersionsRequest(definition_id=definition_id, from_version=1, to_version=2)
    differing = (await stub.DiffVersions(asked)).version
    assert {field.path for field in differing} == {
        "output_schema.type",
        "output_schema.required",
        "output_schema.properties.email.type",
    }
