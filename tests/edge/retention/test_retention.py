"""The RPCs about retention: what they ask for, what they answer, and every bad request."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import retention_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.errors import Refusal, not_found
from service.domain.retention import ENDED, PurgeRequest, RetentionPolicy
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.edge.gate.caller import Caller
from service.edge.retention import requests
from tests.edge.edge import Edge, refused
from tests.edge.fakes import NOW
from tests.edge.workflows.test_bad_input import LONG

CENTURY = 100 * 366 * 86_400
BOUND = Caller(workspace="acme", actor="user:ann")


def wire(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def rpc(edge: Edge, request: Message) -> Any:
    return getattr(edge.retention_stub, request.DESCRIPTOR.name.removesuffix("Request"))


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_a_policy_is_set_and_shown_whole(edge: Edge) -> None:
    request = ops.SetPolicyRequest(workspace_id="acme", state=pb.WORKFLOW_STATE_FAILED, keep_seconds=CENTURY)
    found = (await edge.retention_stub.SetPolicy(request)).policy
    assert found == ops.RetentionPolicy(
        workspace_id="acme",
        state=pb.WORKFLOW_STATE_FAILED,
        keep_seconds=86_400,
        set_by="user:ann",
        set_at=wire(NOW),
    )
    await edge.retention_stub.SetPolicy(ops.SetPolicyRequest(keep_seconds=0))
    assert edge.retention.committed == [
        (RetentionPolicy("acme", RunState.FAILED, CENTURY, "anonymous"), None),
        (RetentionPolicy(EVERY_WORKSPACE, None, 0, "anonymous"), None),
    ]


async def test_policies_are_listed_with_the_setting(edge: Edge) -> None:
    found = await edge.retention_stub.ListPolicies(ops.ListPoliciesRequest())
    assert [(policy.workspace_id, policy.state) for policy in found.policies] == [("*", 0), ("acme", 6)]
    assert found.default_keep_seconds == 3_600
    await edge.retention_stub.ListPolicies(ops.ListPoliciesRequest(workspace_id="acme"))
    assert edge.retention.asked == [None, "acme"]


async def test_a_policy_is_taken_back(edge: Edge) -> None:
    await edge.retention_stub.DeletePolicy(ops.DeletePolicyRequest(state=pb.WORKFLOW_STATE_CANCELLED))
    assert edge.retention.committed == [(EVERY_WORKSPACE, RunState.CANCELLED, None)]


async def test_a_run_is_held_and_released(edge: Edge) -> None:
    held = (await edge.retention_stub.HoldRun(ops.HoldRunRequest(run_id="wfr_1", reason="a complaint"))).hold
    assert held == ops.RunHold(
        run_id="wfr_1", workspace_id="acme", reason="a complaint", held_by="user:ann", held_at=wire(NOW)
    )
    assert (await edge.retention_stub.ReleaseRun(ops.ReleaseRunRequest(run_id="wfr_1"))).hold == held
    assert edge.retention.committed == [("wfr_1", "a complaint", None, "anonymous", None), ("wfr_1", None, None)]


async def test_holds_are_listed_with_their_total(edge: Edge) -> None:
    page = await edge.retention_stub.ListHolds(ops.ListHoldsRequest(workspace_id="acme", limit=9999, offset=2))
    assert ([hold.run_id for hold in page.holds], page.total) == (["wfr_1"], 7)
    assert edge.retention.asked == [("acme", 500, 2)]


async def test_what_was_purged_is_listed_with_what_was_to_go(edge: Edge) -> None:
    page = await edge.retention_stub.ListPurges(ops.ListPurgesRequest(workspace_id="acme", limit=9999, offset=2))
    assert page.total == 7
    [told] = page.purges
    assert told == ops.PurgeRecord(
        id=3,
        workspace_id="acme",
        purged_at=wire(NOW),
        purged_by="user:ann",
        cuts=[
            ops.PurgeCut(state=pb.WORKFLOW_STATE_CANCELLED, before=wire(NOW)),
            ops.PurgeCut(state=pb.WORKFLOW_STATE_FAILED, older_than_seconds=60),
        ],
        runs=12,
    )
    assert edge.retention.asked == [("acme", 500, 2)]


async def test_a_purge_tells_how_many_and_the_first_hundred(edge: Edge) -> None:
    answer = await edge.retention_stub.Purge(ops.PurgeRequest(workspace_id="*", older_than_seconds=0))
    assert (answer.count, len(answer.run_ids), answer.more) == (101, 100, True)
    assert [(left.reason, left.count) for left in answer.left] == [("alive", 1), ("held", 2)]
    assert edge.retention.committed == [(PurgeRequest(EVERY_WORKSPACE, frozenset(ENDED), 0, 1_000), "anonymous")]


async def test_a_purge_asks_for_what_was_said(edge: Edge) -> None:
    states = [pb.WORKFLOW_STATE_FAILED, pb.WORKFLOW_STATE_FAILED]
    request = ops.PurgeRequest(workspace_id="acme", states=states, before=wire(NOW), dry_run=True, limit=10_000)
    await edge.retention_stub.Purge(request)
    assert edge.retention.committed == [
        (PurgeRequest("acme", frozenset({RunState.FAILED}), NOW, 10_000, dry_run=True), "anonymous")
    ]


GOOD: list[Any] = [
    ops.SetPolicyRequest(workspace_id="acme", keep_seconds=60),
    ops.DeletePolicyRequest(workspace_id="acme"),
    ops.HoldRunRequest(run_id="wfr_1", reason="why"),
    ops.ReleaseRunRequest(run_id="wfr_1"),
]


@pytest.mark.parametrize("request_", GOOD, ids=lambda request: request.DESCRIPTOR.name)
async def test_a_repeated_change_says_so(edge: Edge, request_: Any) -> None:
    edge.retention.replay = True
    call = rpc(edge, request_)(request_, metadata=(("idempotency-key", "k1"),))
    assert ("idempotent-replay", "true") in [*await call.initial_metadata()]
    await call
    assert edge.retention.committed[0][-1].key == "k1"


@pytest.mark.parametrize("request_", GOOD, ids=lambda request: request.DESCRIPTOR.name)
async def test_what_is_not_there_is_not_found(edge: Edge, request_: Any) -> None:
    edge.retention.error = not_found("run", "wfr_1")
    error = await refused(rpc(edge, request_)(request_))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "run_not_found")


# --- whose -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("foreign", ["other", "*"])
def test_nobody_decides_for_others(foreign: str) -> None:
    def denied(parse: Any, request: Any) -> None:
        with pytest.raises(Refusal) as caught:
            parse(request, BOUND)
        assert caught.value.reason == "foreign_workspace"

    denied(requests.policy, ops.SetPolicyRequest(workspace_id=foreign, keep_seconds=1))
    denied(requests.policy_key, ops.DeletePolicyRequest(workspace_id=foreign))
    denied(requests.policies, ops.ListPoliciesRequest(workspace_id=foreign))
    denied(requests.listed, ops.ListHoldsRequest(workspace_id=foreign))
    denied(requests.listed, ops.ListPurgesRequest(workspace_id=foreign))
    denied(requests.purge, ops.PurgeRequest(workspace_id=foreign, older_than_seconds=1))


def test_who_names_no_workspace_means_their_own() -> None:
    assert requests.policy(ops.SetPolicyRequest(keep_seconds=1), BOUND).workspace_id == "acme"
    assert requests.policy_key(ops.DeletePolicyRequest(), BOUND) == ("acme", None)
    assert requests.policies(ops.ListPoliciesRequest(), BOUND) == "acme"
    assert requests.listed(ops.ListHoldsRequest(), BOUND)[0] == "acme"
    assert requests.listed(ops.ListPurgesRequest(), BOUND)[0] == "acme"
    assert requests.purge(ops.PurgeRequest(older_than_seconds=1), BOUND).workspace_id == "acme"


# --- bad requests ----------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    request: Message
    field: str
    reason: str


def policy(field: str, reason: str, **changes: Any) -> Bad:
    return Bad(ops.SetPolicyRequest(**{"workspace_id": "acme", "keep_seconds": 60, **changes}), field, reason)


def purge(field: str, reason: str, **changes: Any) -> Bad:
    return Bad(ops.PurgeRequest(**{"workspace_id": "acme", "older_than_seconds": 60, **changes}), field, reason)


TABLE = [
    policy("workspace_id", "too_long", workspace_id=LONG),
    policy("workspace_id", "nul_character", workspace_id="\0"),
    policy("state", "not_an_end", state=pb.WORKFLOW_STATE_RUNNING),
    policy("state", "unknown_enum_value", state=99),
    policy("keep_seconds", "negative", keep_seconds=-1),
    policy("keep_seconds", "absurd_duration", keep_seconds=CENTURY + 1),
    Bad(ops.SetPolicyRequest(workspace_id="acme"), "keep_seconds", "required"),
    Bad(ops.DeletePolicyRequest(workspace_id=LONG), "workspace_id", "too_long"),
    Bad(ops.DeletePolicyRequest(state=pb.WORKFLOW_STATE_PAUSED), "state", "not_an_end"),
    Bad(ops.ListPoliciesRequest(workspace_id=LONG), "workspace_id", "too_long"),
    Bad(ops.HoldRunRequest(reason="why"), "run_id", "required"),
    Bad(ops.HoldRunRequest(run_id=LONG, reason="why"), "run_id", "too_long"),
    Bad(ops.HoldRunRequest(run_id="wfr_1"), "reason", "required"),
    Bad(ops.HoldRunRequest(run_id="wfr_1", reason="é" * 2_001), "reason", "too_long"),
    Bad(ops.HoldRunRequest(run_id="wfr_1", reason="a\0"), "reason", "nul_character"),
    Bad(ops.ReleaseRunRequest(), "run_id", "required"),
    Bad(ops.ReleaseRunRequest(run_id="\0"), "run_id", "nul_character"),
    Bad(ops.ListHoldsRequest(workspace_id=LONG), "workspace_id", "too_long"),
    Bad(ops.ListHoldsRequest(limit=-1), "limit", "negative"),
    Bad(ops.ListHoldsRequest(offset=-1), "offset", "negative"),
    Bad(ops.ListPurgesRequest(workspace_id=LONG), "workspace_id", "too_long"),
    Bad(ops.ListPurgesRequest(limit=-1), "limit", "negative"),
    purge("workspace_id", "required", workspace_id=""),
    purge("workspace_id", "too_long", workspace_id=LONG),
    purge("workspace_id", "nul_character", workspace_id="\0"),
    purge("states[1]", "not_an_end", states=[pb.WORKFLOW_STATE_FAILED, pb.WORKFLOW_STATE_COMPENSATING]),
    purge("states[0]", "not_an_end", states=[0]),
    purge("states[0]", "unknown_enum_value", states=[99]),
    purge("older_than_seconds", "one_of_two", before=wire(NOW)),
    Bad(ops.PurgeRequest(workspace_id="acme"), "older_than_seconds", "one_of_two"),
    purge("older_than_seconds", "negative", older_than_seconds=-1),
    purge("older_than_seconds", "absurd_duration", older_than_seconds=CENTURY + 1),
    Bad(ops.PurgeRequest(workspace_id="acme", before=Timestamp(seconds=10**15)), "before", "out_of_range"),
    purge("limit", "negative", limit=-1),
    purge("limit", "too_many", limit=10_001),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.request.DESCRIPTOR.name}-{bad.field}-{bad.reason}")
async def test_bad_request_is_refused_and_asks_for_nothing(edge: Edge, bad: Bad) -> None:
    error = await refused(rpc(edge, bad.request)(bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.retention.asked


async def test_all_violations_are_told_at_once(edge: Edge) -> None:
    request = ops.PurgeRequest(states=[pb.WORKFLOW_STATE_PENDING], limit=-1)
    error = await refused(edge.retention_stub.Purge(request))
    assert set(error.fields) == {"workspace_id", "states[0]", "older_than_seconds", "limit"}


async def test_the_last_moment_that_there_is_can_be_named(edge: Edge) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    await edge.retention_stub.Purge(ops.PurgeRequest(workspace_id="acme", before=wire(last)))
    assert edge.retention.committed[0][0].cut == last
