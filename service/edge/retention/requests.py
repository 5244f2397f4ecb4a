"""Requests about retention: proto to domain values, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once; whether a run or a policy exists is for the application.
Everyone's policies and purging for everyone are for callers who see every workspace. Called by the servicer of
retention.
"""

from typing import Any

from workflows.ops.v1 import retention_pb2 as ops

from service.domain.retention import ENDED, MOST_SECONDS, Cut, PurgeRequest, RetentionPolicy
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.edge.gate.caller import Caller
from service.edge.wire import enums
from service.edge.wire.checks import Checks, Window

DEFAULT_PURGED = 1_000
MOST_PURGED = 10_000


def policy(request: ops.SetPolicyRequest, caller: Caller) -> RetentionPolicy:
    checks, workspace_id, state = _about(request, caller)
    if not request.HasField("keep_seconds"):
        checks.note("keep_seconds", "required", "is required; 0 is for ever")
    seconds = _seconds(checks, "keep_seconds", request.keep_seconds)
    checks.settle()
    return RetentionPolicy(workspace_id, state, seconds, caller.actor)


def policy_key(request: ops.DeletePolicyRequest, caller: Caller) -> tuple[str, RunState | None]:
    checks, workspace_id, state = _about(request, caller)
    checks.settle()
    return workspace_id, state


def policies(request: ops.ListPoliciesRequest, caller: Caller) -> str | None:
    """The workspace; None is all of them."""
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    checks.settle()
    return workspace_id or None


def hold(request: ops.HoldRunRequest) -> tuple[str, str]:
    """The run's id and the reason."""
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.text("reason", request.reason, required=True)
    checks.settle()
    return request.run_id, request.reason


def release(request: ops.ReleaseRunRequest) -> str:
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.settle()
    return request.run_id


def listed(request: ops.ListHoldsRequest | ops.ListPurgesRequest, caller: Caller) -> tuple[str | None, Window]:
    """The workspace, None for all of them, and the window."""
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    window = checks.window(request.limit, request.offset)
    checks.settle()
    return workspace_id or None, window


def purge(request: ops.PurgeRequest, caller: Caller) -> PurgeRequest:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(workspace_id, required=True)
    states = [_end(checks, f"states[{index}]", number) for index, number in enumerate(request.states)]
    cut = _cut(checks, request)
    if checks.not_negative("limit", request.limit) > MOST_PURGED:
        checks.note("limit", "too_many", f"is more than {MOST_PURGED}")
    checks.settle()
    chosen = frozenset(state for state in states if state) or frozenset(ENDED)
    return PurgeRequest(workspace_id, chosen, cut, request.limit or DEFAULT_PURGED, request.dry_run)


def _about(request: ops.SetPolicyRequest | ops.DeletePolicyRequest, caller: Caller) -> tuple[Checks, str, Any]:
    """What both say: whose policy, and for which end state; None for all."""
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    state = _end(checks, "state", request.state) if request.state else None
    return checks, workspace_id or EVERY_WORKSPACE, state


def _end(checks: Checks, path: str, number: int) -> RunState | None:
    state = checks.member(path, number, enums.RUN_STATE_OF)
    if not number or (state and not state.terminal):
        checks.note(path, "not_an_end", "is not a state that a run ends in")
    return state


def _cut(checks: Checks, request: ops.PurgeRequest) -> Cut:
    aged, dated = request.HasField("older_than_seconds"), request.HasField("before")
    if aged == dated:
        checks.note("older_than_seconds", "one_of_two", "has to be given, or before, and not both")
    if dated and (moment := checks.moment("before", request.before)):
        return moment
    return _seconds(checks, "older_than_seconds", request.older_than_seconds)


def _seconds(checks: Checks, path: str, seconds: int) -> int:
    if checks.not_negative(path, seconds) > MOST_SECONDS:
        checks.note(path, "absurd_duration", f"are more than {MOST_SECONDS}")
    return seconds
