"""Every bad request about a task: its status, the field it blames, the reason it gives, and that nothing was stored."""

from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import tasks_pb2 as ops

from tests.edge.edge import Edge, refused
from tests.edge.workflows.test_bad_input import INF, LONG, nested, payload

CHANGES: list[type[Message]] = [
    ops.ClaimTaskRequest,
    ops.ReleaseTaskRequest,
    ops.ReassignTaskRequest,
    ops.CommentTaskRequest,
    ops.CompleteTaskRequest,
    ops.RejectTaskRequest,
]
FINE: dict[type[Message], dict[str, Any]] = {
    ops.ReassignTaskRequest: {"assignee": "bob"},
    ops.CommentTaskRequest: {"text": "Called."},
}


class Bad(NamedTuple):
    request: Message
    field: str
    reason: str


def bad(kind: type[Message], field: str, reason: str, /, **changes: Any) -> Bad:
    """A good request but for the changes."""
    return Bad(kind(**{"id": "wfr_1/check", **FINE.get(kind, {}), **changes}), field, reason)


def listing(field: str, reason: str, **changes: Any) -> Bad:
    return Bad(ops.ListTasksRequest(**changes), field, reason)


BAD_IDS = [
    ("", "required"),
    (" ", "required"),
    ("wfr_1", "malformed"),
    ("wfr_1/", "malformed"),
    ("/check", "malformed"),
    (" /check", "malformed"),
    ("wfr_1/check/1", "malformed"),
    (f"{LONG}/check", "too_long"),
    (f"wfr_1/{LONG}", "too_long"),
    ("wfr_1/\0", "nul_character"),
]

TABLE = [
    *(bad(ops.GetTaskRequest, "id", reason, id=value) for value, reason in BAD_IDS),
    *(bad(kind, "id", reason, id=value) for kind in CHANGES for value, reason in BAD_IDS),
    *(bad(kind, "expected_version", "negative", expected_version=-1) for kind in CHANGES),
    *(bad(kind, "user_id", "blank", user_id=" ") for kind in CHANGES),
    *(bad(kind, "user_id", "too_long", user_id=LONG) for kind in CHANGES),
    *(bad(kind, "user_id", "nul_character", user_id="ann\0") for kind in CHANGES),
    bad(ops.ReassignTaskRequest, "assignee", "required", assignee=""),
    bad(ops.ReassignTaskRequest, "assignee", "too_long", assignee=LONG),
    bad(ops.ReassignTaskRequest, "assignee", "blank", assignee=" "),
    bad(ops.ReassignTaskRequest, "group", "too_long", group=LONG),
    bad(ops.ReassignTaskRequest, "group", "nul_character", group="\0"),
    bad(ops.CommentTaskRequest, "text", "required", text=""),
    bad(ops.CommentTaskRequest, "text", "required", text=" \n"),
    bad(ops.CommentTaskRequest, "text", "too_long", text="é" * 2_001),
    bad(ops.CommentTaskRequest, "text", "nul_character", text="a\0"),
    bad(ops.RejectTaskRequest, "reason", "too_long", reason="r" * 2_001),
    bad(ops.RejectTaskRequest, "reason", "nul_character", reason="\0"),
    bad(ops.CompleteTaskRequest, "output.x", "not_finite", output=payload(x=INF)),
    bad(ops.CompleteTaskRequest, "output.x", "nul_character", output=payload(x="\0")),
    bad(ops.CompleteTaskRequest, "output" + ".a" * 16, "payload_too_deep", output=nested(17)),
    bad(ops.CompleteTaskRequest, "output", "payload_too_large", output=payload(x="y" * 256 * 1024)),
    *(listing(field, "too_long", **{field: LONG}) for field in ("workspace_id", "assignee", "group", "claimed_by")),
    *(
        listing(field, "nul_character", **{field: "\0"})
        for field in ("workspace_id", "assignee", "group", "claimed_by")
    ),
    listing("assignee", "blank", assignee=" "),
    listing("state", "unknown_enum_value", state=6),
    listing("due_before", "out_of_range", due_before=Timestamp(seconds=10**15)),
    listing("due_before", "out_of_range", due_before=Timestamp(nanos=-1)),
    listing("limit", "negative", limit=-1),
    listing("offset", "negative", offset=-1),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.request.DESCRIPTOR.name}-{bad.field[:20]}-{bad.reason}")
async def test_bad_request_is_refused_and_stores_nothing(edge: Edge, bad: Bad) -> None:
    rpc = getattr(edge.task_stub, bad.request.DESCRIPTOR.name.removesuffix("Request"))
    error = await refused(rpc(bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.committed
    assert not edge.tasks.asked


async def test_all_violations_are_told_at_once(edge: Edge) -> None:
    request = ops.CompleteTaskRequest(id="wfr_1", expected_version=-1, user_id=LONG, output=payload(x=INF))
    error = await refused(edge.task_stub.CompleteTask(request))
    assert set(error.fields) == {"id", "expected_version", "user_id", "output.x"}


async def test_the_limits_themselves_are_fine(edge: Edge) -> None:
    longest = f"{'r' * 128}/{'s' * 128}"
    await edge.task_stub.CommentTask(ops.CommentTaskRequest(id=longest, text="é" * 2_000, user_id="u" * 128))
    await edge.task_stub.CompleteTask(ops.CompleteTaskRequest(id=longest, output=nested(16)))
    await edge.task_stub.ListTasks(ops.ListTasksRequest(due_before=Timestamp(seconds=253402300799, nanos=999_999_999)))
    assert len(edge.committed) == 2


async def test_bytes_that_do_not_parse(edge: Edge) -> None:
    call: Any = edge.channel.unary_unary("/workflows.ops.v1.HumanTaskService/ClaimTask")
    error = await refused(call(b"\xff"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "malformed_request")


@pytest.mark.parametrize("kind", CHANGES)
async def test_an_unusable_idempotency_key(edge: Edge, kind: type[Message]) -> None:
    rpc = getattr(edge.task_stub, kind.DESCRIPTOR.name.removesuffix("Request"))
    request = bad(kind, "", "").request
    error = await refused(rpc(request, metadata=(("idempotency-key", " "),)))
    assert error.reason == "bad_idempotency_key"
    assert not edge.committed
