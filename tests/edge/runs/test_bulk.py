"""Controls of many runs: which are chosen, what reaches each of them, pages, keys, refusals and callers who leave."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
from workflows.ops.v1 import runs_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.bulk import Target
from service.domain.commands import CancelRun, ControlCommand, Envelope, PauseRun, ResumeRun
from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Replayable
from service.domain.run_search import RunSearch
from service.domain.state import Run, RunState
from service.edge.gate.caller import Caller
from service.edge.runs.bulk_calls import AT_ONCE
from service.edge.runs.bulk_requests import bulk
from service.engine.ports.failures import StoreUnavailable
from tests.bus.helpers import eventually
from tests.edge.edge import Edge, refused
from tests.edge.fake_chosen import targets
from tests.edge.fakes import run
from tests.edge.workflows.test_bad_input import LONG
from tests.world import PATIENCE_SECONDS

KEY = (("idempotency-key", "k1"),)
UNKNOWN: Any = 99
CANCEL = ops.RUN_CONTROL_CANCEL


def request(
    control: Any = CANCEL, *, page_size: int = 0, page_token: str = "", **fields: Any
) -> ops.ControlRunsRequest:
    chosen = ops.SearchRunsRequest(workspace_id="acme", page_size=page_size, page_token=page_token)
    return ops.ControlRunsRequest(filter=chosen, control=control, **fields)


async def control(edge: Edge, *args: Any, **fields: Any) -> ops.ControlRunsResponse:
    return await edge.run_stub.ControlRuns(request(*args, **fields))


@pytest.fixture
def changes(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a change of a run does: gives a state, or raises. Without an entry the run is CANCELLED."""
    found: dict[str, Any] = {}

    async def change(run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]:
        edge.runs.committed.append((run_id, envelope))
        met = found.get(run_id, run(id=run_id, state=RunState.CANCELLED, sequence=1))
        if isinstance(met, Exception):
            raise met
        return Replayable(met)

    monkeypatch.setattr(edge.runs, "change", change)
    return found


# --- what reaches the runs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "states", "command"),
    [
        (ops.RUN_CONTROL_PAUSE, {RunState.RUNNING}, PauseRun("why")),
        (ops.RUN_CONTROL_RESUME, {RunState.PAUSED}, ResumeRun()),
        (CANCEL, {state for state in RunState if not state.terminal}, CancelRun("why")),
    ],
)
async def test_a_control_is_a_command_to_each_run_it_applies_to(
    edge: Edge, changes: dict[str, Any], number: Any, states: set[RunState], command: ControlCommand
) -> None:
    answer = await control(edge, number, reason="why")
    assert isinstance(edge.chosen.asked[0], RunSearch)
    assert set(edge.chosen.asked[0].states) == states
    assert [(run_id, envelope.command) for run_id, envelope in edge.runs.committed] == [
        (f"wfr_0{place}", command) for place in range(3)
    ]
    assert (answer.matched, len(answer.results), answer.next_page_token) == (3, 3, "")


async def test_states_that_the_control_does_not_apply_to_match_nothing(edge: Edge) -> None:
    wanted = request(ops.RUN_CONTROL_RESUME)
    wanted.filter.states.append(pb.WORKFLOW_STATE_RUNNING)
    answer = await edge.run_stub.ControlRuns(wanted)
    assert (answer.matched, list(answer.results), edge.chosen.asked) == (0, [], [])


async def test_states_are_narrowed_to_those_asked_for(edge: Edge, changes: dict[str, Any]) -> None:
    wanted = request()
    wanted.filter.states.extend([pb.WORKFLOW_STATE_PAUSED, pb.WORKFLOW_STATE_FAILED])
    await edge.run_stub.ControlRuns(wanted)
    assert edge.chosen.asked[0].states == (RunState.PAUSED,)


async def test_each_run_answers_for_itself(edge: Edge, changes: dict[str, Any]) -> None:
    edge.chosen.matching = [replace(each, sequence=1) for each in targets(5)]
    changes["wfr_00"] = Refusal(Kind.CONFLICT, "run_terminal", "the run is COMPLETED")
    changes["wfr_01"] = StoreUnavailable("gone")
    changes["wfr_02"] = KeyError("secret")
    changes["wfr_03"] = run(id="wfr_03", state=RunState.CANCELLED, sequence=1)
    changes["wfr_04"] = run(id="wfr_04", state=RunState.CANCELLED, sequence=3)
    answer = await control(edge)
    assert [(each.run_id, each.outcome, each.reason, each.state) for each in answer.results] == [
        ("wfr_00", ops.CONTROL_OUTCOME_REFUSED, "run_terminal", pb.WORKFLOW_STATE_RUNNING),
        ("wfr_01", ops.CONTROL_OUTCOME_REFUSED, "database_unavailable", pb.WORKFLOW_STATE_RUNNING),
        ("wfr_02", ops.CONTROL_OUTCOME_REFUSED, "internal", pb.WORKFLOW_STATE_RUNNING),
        ("wfr_03", ops.CONTROL_OUTCOME_UNCHANGED, "", pb.WORKFLOW_STATE_CANCELLED),
        ("wfr_04", ops.CONTROL_OUTCOME_CHANGED, "", pb.WORKFLOW_STATE_CANCELLED),
    ]
    assert "secret" not in str(answer)


async def test_one_call_is_one_cause(edge: Edge, changes: dict[str, Any]) -> None:
    await control(edge)
    await control(edge)
    causes = [envelope.cause for _, envelope in edge.runs.committed]
    assert len(set(causes[:3])) == len(set(causes[3:])) == 1
    assert causes[0] != causes[3]
    assert causes[0].startswith("rpc:bulk:")
    assert not any(envelope.guarded for _, envelope in edge.runs.committed)


async def test_a_dry_run_changes_nothing(edge: Edge) -> None:
    answer = await control(edge, dry_run=True, at_most=1, page_size=2)
    assert (answer.matched, len(answer.results)) == (3, 2)
    assert {each.outcome for each in answer.results} == {ops.CONTROL_OUTCOME_UNSPECIFIED}
    assert {each.state for each in answer.results} == {pb.WORKFLOW_STATE_RUNNING}
    assert edge.committed == []


async def test_more_than_expected_are_not_touched(edge: Edge, changes: dict[str, Any]) -> None:
    error = await refused(control(edge, at_most=2))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "too_many_runs")
    assert edge.runs.committed == []
    assert (await control(edge, at_most=3)).matched == 3


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_pages_lead_to_the_end_though_runs_leave_and_come(edge: Edge, changes: dict[str, Any]) -> None:
    edge.chosen.matching = targets(5)
    answer = await control(edge, page_size=2)
    seen = [each.run_id for each in answer.results]
    del edge.chosen.matching[:2]
    edge.chosen.matching.append(Target("wfr_99", RunState.RUNNING, 0))
    while answer.next_page_token:
        answer = await control(edge, page_size=2, page_token=answer.next_page_token)
        seen += [each.run_id for each in answer.results]
    assert seen == [f"wfr_0{place}" for place in range(5)]


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_makes_a_repetition_about_the_same_runs(edge: Edge, changes: dict[str, Any]) -> None:
    first = await edge.run_stub.ControlRuns(request(), metadata=KEY)
    edge.chosen.matching = []
    call = edge.run_stub.ControlRuns(request(), metadata=KEY)
    assert await call == first
    assert ("idempotent-replay", "true") in tuple(await call.initial_metadata())
    envelopes = [envelope for _, envelope in edge.runs.committed]
    assert len({(each.cause, each.digest, each.guarded) for each in envelopes}) == 1
    assert envelopes[0].guarded


async def test_a_dry_run_uses_up_no_key(edge: Edge) -> None:
    await edge.run_stub.ControlRuns(request(dry_run=True), metadata=KEY)
    assert edge.chosen.kept == {}


# --- callers who go away ---------------------------------------------------------------------------------------------


async def test_what_was_begun_is_ended_and_nothing_else_begun(edge: Edge) -> None:
    edge.chosen.matching = targets(40)
    edge.runs.gate = asyncio.Event()
    call = edge.run_stub.ControlRuns(request())
    await edge.runs.entered.wait()
    call.cancel()
    meter = edge.server.meter
    await eventually(lambda: not meter.calls_open.count)  # only now the server knows it, too
    edge.runs.gate.set()
    assert await edge.shield.drain(PATIENCE_SECONDS) == 0
    assert len(edge.runs.committed) == AT_ONCE


# --- bad input -------------------------------------------------------------------------------------------------------


def bad(**fields: Any) -> ops.ControlRunsRequest:
    chosen = fields.pop("filter", {})
    return ops.ControlRunsRequest(
        **{"control": CANCEL, **fields}, filter=ops.SearchRunsRequest(**{"workspace_id": "acme", **chosen})
    )


@pytest.mark.parametrize(
    ("wanted", "field", "reason"),
    [
        (bad(control=0), "control", "required"),
        (bad(control=UNKNOWN), "control", "unknown_enum_value"),
        (bad(at_most=-1), "at_most", "negative"),
        (bad(reason="x" * 2001), "reason", "too_long"),
        (bad(reason="a\0"), "reason", "nul_character"),
        (bad(filter={"definition_id": LONG}), "filter.definition_id", "too_long"),
        (bad(filter={"entity_id": "a\0"}), "filter.entity_id", "nul_character"),
        (bad(filter={"states": [0]}), "filter.states[0]", "required"),
        (bad(filter={"page_size": -1}), "filter.page_size", "negative"),
        *(
            (bad(filter={"page_token": token}), "filter.page_token", "malformed")
            for token in ("?", "d2Zy", "Cg==", "d2ZyCg==", "YWJj" * 100)
        ),
        (bad(filter={"workspace_id": ""}), "filter", "filter_required"),
        (bad(filter={"workspace_id": "", "states": [2]}), "filter", "filter_required"),
        (ops.ControlRunsRequest(control=CANCEL), "filter", "filter_required"),
    ],
)
async def test_bad_request_is_refused_and_touches_nothing(
    edge: Edge, wanted: ops.ControlRunsRequest, field: str, reason: str
) -> None:
    error = await refused(edge.run_stub.ControlRuns(wanted))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in error.fields.get(field, []), error.fields
    assert (edge.chosen.asked, edge.committed) == ([], [])


async def test_a_filter_beside_the_state_is_enough(edge: Edge, changes: dict[str, Any]) -> None:
    wanted = ops.ControlRunsRequest(control=CANCEL, filter=ops.SearchRunsRequest(definition_id="wf_1"))
    assert (await edge.run_stub.ControlRuns(wanted)).matched == 3


# --- workspaces ------------------------------------------------------------------------------------------------------


def test_a_foreign_workspace_is_denied() -> None:
    with pytest.raises(Refusal) as denied:
        bulk(request(), Caller("other", "user:ann"))
    assert (denied.value.kind, denied.value.reason) == (Kind.DENIED, "foreign_workspace")


def test_a_workspace_of_ones_own_is_named_enough() -> None:
    order = bulk(ops.ControlRunsRequest(control=CANCEL), Caller("acme", "user:ann"))
    assert order.wanted == RunSearch("acme")
