"""The RPCs about schedules: what they ask for, what they answer, and every bad request."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import schedules_pb2 as ops

from service.domain.errors import not_found
from service.domain.schedule import Overlap, SchedulePolicyChange
from tests.edge.edge import Edge, refused
from tests.edge.fakes import NOW
from tests.edge.workflows.test_bad_input import LONG

REQUESTS: list[type[Any]] = [
    ops.GetScheduleRequest,
    ops.PauseScheduleRequest,
    ops.ResumeScheduleRequest,
    ops.SetSchedulePolicyRequest,
    ops.ListUpcomingRequest,
    ops.BackfillRequest,
]
HOUR = timedelta(hours=1)


def wire(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def at(seconds: int, nanos: int = 0) -> Timestamp:
    return Timestamp(seconds=seconds, nanos=nanos)


def rpc(edge: Edge, request: Message) -> Any:
    return getattr(edge.schedule_stub, request.DESCRIPTOR.name.removesuffix("Request"))


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_a_schedule_is_shown_whole(edge: Edge) -> None:
    found = (await edge.schedule_stub.GetSchedule(ops.GetScheduleRequest(definition_id="wf_1"))).schedule
    assert found == ops.Schedule(
        definition_id="wf_1",
        workspace_id="acme",
        cron_expr="30 2 * * *",
        timezone="Europe/Berlin",
        overlap=ops.SCHEDULE_OVERLAP_BUFFER_ONE,
        catch_up_seconds=600,
        jitter_seconds=30,
        version=6,
        next_at=wire(NOW),
        due_at=wire(NOW + timedelta(seconds=7)),
        buffered_at=wire(NOW - HOUR),
        last_tick_at=wire(NOW - 2 * HOUR),
        last_run_id="wfr_1",
        missed=4,
        skipped=5,
    )


async def test_a_paused_schedule_has_no_next_tick(edge: Edge) -> None:
    request = ops.PauseScheduleRequest(definition_id="wf_1", reason="holidays")
    found = (await edge.schedule_stub.PauseSchedule(request)).schedule
    assert (found.paused_by, found.pause_reason, found.paused_at.ToDatetime(NOW.tzinfo)) == (
        "anonymous",
        "holidays",
        NOW,
    )
    assert not found.HasField("next_at")
    assert not found.HasField("due_at")


async def test_a_list_has_its_total(edge: Edge) -> None:
    page = await edge.schedule_stub.ListSchedules(ops.ListSchedulesRequest(workspace_id="acme", limit=9999, offset=2))
    assert ([found.definition_id for found in page.schedules], page.total) == (["wf_1", "wf_2"], 13)
    assert edge.schedules.asked == [("acme", 500, 2)]


async def test_a_policy_is_changed_in_the_parts_that_are_given(edge: Edge) -> None:
    await edge.schedule_stub.SetSchedulePolicy(ops.SetSchedulePolicyRequest(definition_id="wf_1", catch_up_seconds=0))
    await edge.schedule_stub.SetSchedulePolicy(
        ops.SetSchedulePolicyRequest(
            definition_id="wf_1",
            expected_version=3,
            timezone="America/New_York",
            overlap=ops.SCHEDULE_OVERLAP_CANCEL_OTHER,
            jitter_seconds=86_400,
        )
    )
    assert [wanted for _, wanted, *_ in edge.schedules.committed] == [
        SchedulePolicyChange(catch_up_seconds=0),
        SchedulePolicyChange("America/New_York", Overlap.CANCEL_OTHER, jitter_seconds=86_400, expected_version=3),
    ]


async def test_upcoming_ticks_are_ten_unless_said(edge: Edge) -> None:
    found = await edge.schedule_stub.ListUpcoming(ops.ListUpcomingRequest(definition_id="wf_1"))
    await edge.schedule_stub.ListUpcoming(ops.ListUpcomingRequest(definition_id="wf_1", count=100))
    assert [tick.ToDatetime(NOW.tzinfo) for tick in found.ticks] == [NOW, NOW + timedelta(days=1)]
    assert [count for _, count, _ in edge.schedules.asked] == [10, 100]


async def test_a_backfill_tells_what_it_started(edge: Edge) -> None:
    answer = await edge.schedule_stub.Backfill(good(ops.BackfillRequest))
    assert [run.run_id for run in answer.started] == ["wfr_2"]
    assert [run.run_id for run in answer.already_run] == ["wfr_1"]
    assert edge.schedules.committed == [("wf_1", NOW - HOUR, NOW, None)]


@pytest.mark.parametrize(
    "request_", [ops.PauseScheduleRequest, ops.ResumeScheduleRequest, ops.SetSchedulePolicyRequest]
)
async def test_a_repeated_change_says_so(edge: Edge, request_: type[Any]) -> None:
    edge.schedules.replay = True
    request = request_(definition_id="wf_1")
    call = rpc(edge, request)(request, metadata=(("idempotency-key", "k1"),))
    assert ("idempotent-replay", "true") in [*await call.initial_metadata()]
    await call
    assert edge.schedules.committed[0][-1].key == "k1"


@pytest.mark.parametrize("kind", REQUESTS)
async def test_what_is_not_there_is_not_found(edge: Edge, kind: type[Any]) -> None:
    edge.schedules.error = not_found("schedule", "wf_1")
    request = good(kind)
    error = await refused(rpc(edge, request)(request))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "schedule_not_found")


# --- bad requests ----------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    request: Message
    field: str
    reason: str


def good(kind: type[Any], **changes: Any) -> Any:
    fine = {"from": wire(NOW - HOUR), "to": wire(NOW)} if kind is ops.BackfillRequest else {}
    return kind(**{"definition_id": "wf_1", **fine, **changes})


def bad(kind: type[Any], field: str, reason: str, /, **changes: Any) -> Bad:
    """A good request but for the changes."""
    return Bad(good(kind, **changes), field, reason)


def policy(field: str, reason: str, value: Any, /) -> Bad:
    return bad(ops.SetSchedulePolicyRequest, field, reason, **{field: value})


def ends(field: str, reason: str, /, **changes: Any) -> Bad:
    return bad(ops.BackfillRequest, field, reason, **changes)


TABLE = [
    *(bad(kind, "definition_id", "required", definition_id=" ") for kind in REQUESTS),
    *(bad(kind, "definition_id", "too_long", definition_id=LONG) for kind in REQUESTS),
    *(bad(kind, "definition_id", "nul_character", definition_id="\0") for kind in REQUESTS),
    Bad(ops.ListSchedulesRequest(workspace_id=LONG), "workspace_id", "too_long"),
    Bad(ops.ListSchedulesRequest(workspace_id="\0"), "workspace_id", "nul_character"),
    Bad(ops.ListSchedulesRequest(limit=-1), "limit", "negative"),
    Bad(ops.ListSchedulesRequest(offset=-1), "offset", "negative"),
    bad(ops.PauseScheduleRequest, "reason", "too_long", reason="é" * 2_001),
    bad(ops.PauseScheduleRequest, "reason", "nul_character", reason="\0"),
    policy("expected_version", "negative", -1),
    *(policy("timezone", "unknown_timezone", name) for name in ("Mars", " ", "Europe", "../UTC", "localtime", LONG)),
    policy("timezone", "nul_character", "UTC\0"),
    policy("overlap", "unknown_enum_value", 5),
    policy("catch_up_seconds", "negative", -1),
    policy("catch_up_seconds", "absurd_duration", 315_360_001),
    policy("jitter_seconds", "negative", -1),
    policy("jitter_seconds", "absurd_duration", 86_401),
    bad(ops.ListUpcomingRequest, "count", "negative", count=-1),
    bad(ops.ListUpcomingRequest, "count", "too_many", count=101),
    *(Bad(ops.BackfillRequest(definition_id="wf_1"), field, "required") for field in ("from", "to")),
    ends("to", "out_of_order", to=wire(NOW - 2 * HOUR)),
    *(ends(field, "out_of_range", **{field: at(10**15)}) for field in ("from", "to")),
    *(ends(field, "out_of_range", **{field: at(0, nanos=-1)}) for field in ("from", "to")),
    *(ends(field, "out_of_range", **{field: at(-1)}) for field in ("from", "to")),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.request.DESCRIPTOR.name}-{bad.field}-{bad.reason}")
async def test_bad_request_is_refused_and_asks_for_nothing(edge: Edge, bad: Bad) -> None:
    error = await refused(rpc(edge, bad.request)(bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.schedules.asked


async def test_all_violations_are_told_at_once(edge: Edge) -> None:
    wrong: Any = {
        "expected_version": -1,
        "timezone": "Mars",
        "overlap": 9,
        "catch_up_seconds": -1,
        "jitter_seconds": -1,
    }
    error = await refused(edge.schedule_stub.SetSchedulePolicy(ops.SetSchedulePolicyRequest(**wrong)))
    assert set(error.fields) == {"definition_id", *wrong}
