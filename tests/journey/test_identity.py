"""Tokens through the whole service: whose name is in the history, what one workspace can make of another's ids, what
identity's silence means, and how long a watch may last."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import psycopg
import pytest
from workflows.ops.v1 import events_pb2, runs_pb2, tasks_pb2
from workflows.ops.v1.events_pb2_grpc import EventServiceStub
from workflows.ops.v1.runs_pb2_grpc import RunServiceStub
from workflows.ops.v1.tasks_pb2_grpc import HumanTaskServiceStub
from workflows.v1 import workflows_pb2 as pb
from workflows.v1.workflows_pb2_grpc import WorkflowServiceStub

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Fault, Token, parse_script
from service.dev.tokens import DEV_TOKENS, EVERYTHING, bearing
from tests.edge.edge import refused
from tests.journey.acting import Rows, report
from tests.journey.conftest import SIBLINGS
from tests.journey.graphs import chain, gate, task
from tests.world import PATIENCE_SECONDS, WORKSPACE, World, struct, world

ANN = DEV_TOKENS["dev-ann"]
TOKENS = {
    "stranger": Token("user:eve", "org_other", EVERYTHING),
    "namesake": Token("user:ann", "org_other", EVERYTHING),
    "sdr": Token("sdr", WORKSPACE, EVERYTHING, "agent", agent_type="WORKER", user_subject="ann"),
    "homeless": Token("user:nobody", "", ("workflows:read", "workflows:run")),
    "console": Token("console", WORKSPACE, EVERYTHING, "service", service="console"),
}
DENIED, UNAUTHENTICATED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture(scope="module")
async def guarded(shared_database: str) -> AsyncIterator[World]:
    script = replace(parse_script(SIBLINGS), tokens=TOKENS)
    with EmbeddedNats() as bus:
        settings = {"WORKSPACES": "org_other=ws_other"}
        async with world(shared_database, bus.url, script, settings, token="dev-ann") as found:
            yield found


class Desk:
    """The stubs of somebody with a token."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.workflows = WorkflowServiceStub(channel)
        self.tasks = HumanTaskServiceStub(channel)
        self.runs = RunServiceStub(channel)
        self.events = EventServiceStub(channel)


@asynccontextmanager
async def by(guarded: World, token: str) -> AsyncIterator[Desk]:
    async with bearing(guarded.address, token) as channel:
        yield Desk(channel)


async def started(guarded: World, *steps: pb.StepDefinition, **fields: Any) -> pb.WorkflowRun:
    published = await guarded.publish(chain(*(steps or (task("sign"), task("file")))))
    return await guarded.start(published.definition.id, **fields)


# --- whose name ------------------------------------------------------------------------------------------------------


async def test_the_token_s_subject_is_in_every_change_and_every_audit(guarded: World, rows: Rows) -> None:
    run = await started(guarded)
    await guarded.until_step(run.id, "sign", "WAITING")
    async with by(guarded, "console") as console:
        claim = tasks_pb2.ClaimTaskRequest(id=f"{run.id}/sign", user_id="bob")
        await console.tasks.ClaimTask(claim)
        await console.tasks.CompleteTask(tasks_pb2.CompleteTaskRequest(id=f"{run.id}/sign", user_id="bob"))
        await console.workflows.CancelRun(pb.CancelRunRequest(id=run.id, reason="enough"))
    late = report(guarded, run.id, "file", "COMPLETED")
    assert (await refused(late)).code is grpc.StatusCode.FAILED_PRECONDITION
    changes = await rows.of("run_events", run.id)
    actors = {(change["aggregate"], change["operation"]): change["actor"] for change in changes}
    assert actors["run", "started"] == "user:ann", actors
    assert actors["step", "completed"] == actors["run", "cancel"] == "service:console"
    assert {change["actor"] for change in changes} == {"user:ann", "service:console"}
    told = await guarded.told(run.id, len(changes))
    assert len(told) == len(changes)


async def test_what_changes_a_definition_has_its_author_s_name(guarded: World, owner: Any) -> None:
    published = await guarded.publish(chain(task("sign")))
    found = await owner.execute("select actor from changes where stream_id = %s", (published.definition.id,))
    assert {actor for (actor,) in await found.fetchall()} == {"user:ann"}


@pytest.fixture
async def owner(shared_database: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(shared_database, autocommit=True) as connection:
        yield connection


# --- agents ----------------------------------------------------------------------------------------------------------


async def test_an_agent_begins_for_its_person_in_its_own_name(guarded: World) -> None:
    published = await guarded.publish(chain(task("sign")))
    async with by(guarded, "sdr") as sdr:
        asking = pb.StartRunRequest(definition_id=published.definition.id)
        run = (await sdr.workflows.StartRun(asking)).run
        assert (run.initiator_agent_id, run.initiator_user_id) == ("sdr", "ann")
        asking.initiator_agent_id = "another"
        assert (await refused(sdr.workflows.StartRun(asking))).reason == "foreign_agent"
        asking.initiator_agent_id, asking.initiator_user_id = "sdr", "bob"
        assert (await refused(sdr.workflows.StartRun(asking))).reason == "foreign_user"


async def test_an_agent_never_decides_its_own_approval(guarded: World) -> None:
    """Not by a report, not in its person's name, not as another agent, and not by doing without it."""
    published = await guarded.publish(chain(task("sign"), gate("approve"), gate("again")))
    async with by(guarded, "sdr") as sdr:
        run = (await sdr.workflows.StartRun(pb.StartRunRequest(definition_id=published.definition.id))).run
        done = pb.STEP_RUN_STATE_COMPLETED
        approve = pb.TransitionStepRequest(run_id=run.id, step_id="approve", state=done)
        skip = pb.TransitionStepRequest(run_id=run.id, step_id="approve", state=pb.STEP_RUN_STATE_SKIPPED)
        assert (await refused(sdr.workflows.TransitionStep(skip))).reason == "own_approval"
        skipping = runs_pb2.SkipStepRequest(run_id=run.id, step_id="approve")
        assert (await refused(sdr.runs.SkipStep(skipping))).reason == "own_approval"
        await guarded.until_step(run.id, "sign", "WAITING")
        await guarded.tasks.CompleteTask(tasks_pb2.CompleteTaskRequest(id=f"{run.id}/sign"))
        await guarded.until_step(run.id, "approve", "WAITING")
        lies: list[tuple[dict[str, Any], str]] = [
            ({}, "own_approval"),
            ({"output_payload": struct({"decided_by": "ann"})}, "own_approval"),
            ({"agent_id": "another"}, "foreign_agent"),
        ]
        for said, reason in lies:
            error = await refused(sdr.workflows.TransitionStep(pb.TransitionStepRequest(**_fields(approve), **said)))
            assert (error.code, error.reason) == (DENIED, reason)
    await guarded.stub.TransitionStep(approve)
    await guarded.until_step(run.id, "approve", "COMPLETED")


def _fields(request: pb.TransitionStepRequest) -> dict[str, Any]:
    return {field.name: value for field, value in request.ListFields()}


async def test_an_agent_does_no_task_as_its_person(guarded: World) -> None:
    run = await started(guarded, task("sign"))
    await guarded.until_step(run.id, "sign", "WAITING")
    async with by(guarded, "sdr") as sdr:
        claim = tasks_pb2.ClaimTaskRequest(id=f"{run.id}/sign", user_id="ann")
        assert (await refused(sdr.tasks.ClaimTask(claim))).reason == "foreign_user"
        claim.user_id = ""
        assert (await sdr.tasks.ClaimTask(claim)).task.claimed_by == "agent:sdr"


# --- other workspaces ------------------------------------------------------------------------------------------------


async def test_an_organization_sees_the_workspace_it_is_mapped_to(guarded: World) -> None:
    async with by(guarded, "stranger") as stranger:
        made = await stranger.workflows.CreateDefinition(pb.CreateDefinitionRequest(name="eve's"))
        assert made.definition.workspace_id == "ws_other"


async def test_without_an_organization_nothing_is_seen(guarded: World) -> None:
    async with by(guarded, "homeless") as homeless:
        error = await refused(homeless.workflows.ListRuns(pb.ListRunsRequest()))
        assert (error.code, error.reason) == (DENIED, "no_workspace")


async def test_a_foreign_run_is_nobody_s_parent(guarded: World) -> None:
    run = await started(guarded)
    async with by(guarded, "stranger") as stranger:
        definition = (await stranger.workflows.CreateDefinition(pb.CreateDefinitionRequest(name="child"))).definition
        await stranger.workflows.PublishVersion(
            pb.PublishVersionRequest(definition_id=definition.id, steps=[task("sign")])
        )
        child = pb.StartRunRequest(definition_id=definition.id, parent_run_id=run.id)
        assert (await refused(stranger.workflows.StartRun(child))).reason == "run_not_found"


async def test_a_key_is_its_caller_s_and_its_workspace_s(guarded: World) -> None:
    """Two people of the same name in two workspaces, with the same key and the same words."""
    key = (("idempotency-key", "one-key"),)
    create = pb.CreateDefinitionRequest(name="keyed")
    mine = (await guarded.stub.CreateDefinition(create, metadata=key)).definition
    async with by(guarded, "namesake") as namesake:
        theirs = (await namesake.workflows.CreateDefinition(create, metadata=key)).definition
        assert (mine.workspace_id, theirs.workspace_id) == (WORKSPACE, "ws_other")
        for definition, desk in ((mine, guarded.stub), (theirs, namesake.workflows)):
            await desk.PublishVersion(pb.PublishVersionRequest(definition_id=definition.id, steps=[task("sign")]))
        runs = [
            (await desk.StartRun(pb.StartRunRequest(definition_id=definition.id), metadata=key)).run.workspace_id
            for definition, desk in ((mine, guarded.stub), (theirs, namesake.workflows))
        ]
    assert runs == [WORKSPACE, "ws_other"]


async def test_a_page_s_token_opens_no_other_workspace(guarded: World) -> None:
    runs = [await started(guarded) for _ in range(2)]
    ann = RunServiceStub(guarded.channel)
    page = await ann.SearchRuns(runs_pb2.SearchRunsRequest(page_size=1))
    assert page.runs[0].run.id == runs[-1].id
    assert page.next_page_token
    async with by(guarded, "stranger") as stranger:
        found = await stranger.runs.SearchRuns(runs_pb2.SearchRunsRequest(page_token=page.next_page_token))
        assert all(one.run.workspace_id == "ws_other" for one in found.runs)


async def test_a_letter_of_nobody_is_for_operators_of_all(guarded: World, owner: Any) -> None:
    await owner.execute(
        "insert into dead_letters (bus_subject, raw, headers, reason) values ('siphon.tap.x', '{', '{}', 'orphan')"
    )
    listing = events_pb2.ListDeadLettersRequest(reason="orphan")
    assert not (await EventServiceStub(guarded.channel).ListDeadLetters(listing)).letters
    async with by(guarded, "dev-operator") as operator:
        [letter] = (await operator.events.ListDeadLetters(listing)).letters
        got = EventServiceStub(guarded.channel).GetDeadLetter(events_pb2.GetDeadLetterRequest(id=letter.id))
        assert (await refused(got)).code is grpc.StatusCode.NOT_FOUND


async def test_the_database_itself_hides_a_foreign_workspace(guarded: World, owner: Any) -> None:
    """Whatever a query forgets: under the role that the service reads with there is nothing to be seen."""
    run = await started(guarded)
    await owner.execute("set role workflows_reader")
    for workspace, seen in ((WORKSPACE, 1), ("ws_other", 0), ("", 0)):
        await owner.execute("select set_config('workflows.workspace', %s, false)", (workspace,))
        found = await owner.execute("select count(*) from workflow_runs where id = %s", (run.id,))
        assert await found.fetchone() == (seen,)


# --- identity --------------------------------------------------------------------------------------------------------


async def test_while_identity_is_silent_the_known_go_on(guarded: World) -> None:
    guarded.siblings.script.tokens["newcomer"] = ANN
    await guarded.stub.ListRuns(pb.ListRunsRequest())
    guarded.siblings.add_fault(Fault("identity.Introspect", "UNAVAILABLE"))
    async with by(guarded, "newcomer") as newcomer:
        error = await refused(newcomer.workflows.ListRuns(pb.ListRunsRequest()))
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "identity_unavailable")
        assert error.retry_ms
        await guarded.stub.ListRuns(pb.ListRunsRequest())
        await newcomer.workflows.ListRuns(pb.ListRunsRequest())


async def test_many_at_once_ask_identity_once(guarded: World) -> None:
    guarded.siblings.script.tokens["crowd"] = ANN
    async with by(guarded, "crowd") as crowd:
        await asyncio.gather(*(crowd.workflows.ListRuns(pb.ListRunsRequest()) for _ in range(50)))
    asked = [call for call in guarded.siblings.calls if b"crowd" in call.request]
    assert len(asked) == 1


async def test_a_watch_ends_with_its_token_and_goes_on_with_another(guarded: World) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=2)
    guarded.siblings.script.tokens["brief"] = replace(ANN, expires_at=ends.isoformat().replace("+00:00", "Z"))
    run = await started(guarded)
    await guarded.until_step(run.id, "sign", "WAITING")
    seen: list[int] = []
    async with by(guarded, "brief") as brief:
        error = await refused(_read(brief.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run.id)), seen.append))
        assert (error.code, error.reason) == (UNAUTHENTICATED, "token_expired")
    assert seen
    await guarded.stub.CancelRun(pb.CancelRunRequest(id=run.id))
    again = runs_pb2.WatchRunRequest(run_id=run.id, after_sequence=seen[-1])
    await _read(RunServiceStub(guarded.channel).WatchRun(again), seen.append)
    assert seen == list(range(1, len(seen) + 1))


async def _read(stream: Any, note: Callable[[int], None]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for answer in stream:
            note(answer.event.sequence)
