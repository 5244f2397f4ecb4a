"""Requests that ask about runs: proto to domain values, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once; whether the run exists is for the application. A page
token is the id of the last run of the page before it, and nobody's to make up. Called by the servicer of runs.
"""

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.limits import MAX_ID
from service.domain.picture import Format
from service.domain.run_search import RunSearch
from service.domain.state import RunState, StepState
from service.edge.gate.caller import Caller
from service.edge.wire import enums
from service.edge.wire.checks import DEFAULT_LIMIT, MAX_LIMIT, Checks

OfRun: TypeAlias = ops.ExplainRunRequest | ops.ListRunEventsRequest | ops.WatchRunRequest | ops.GetRunGraphRequest
OPEN = tuple(state for state in StepState if state.open)

_SEARCHED = (
    "definition_id",
    "entity_id",
    "entity_type",
    "initiator_agent_id",
    "initiator_user_id",
    "parent_run_id",
    "failure_reason",
    "step_id",
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a run's history."""

    run_id: str
    after: int
    after_audit: int
    limit: int


def named(request: ops.ExplainRunRequest) -> str:
    """The run's id."""
    checks = _of_run(request)
    checks.settle()
    return request.run_id


def stretch(request: ops.ListRunEventsRequest) -> Stretch:
    checks = _of_run(request)
    checks.not_negative("after_sequence", request.after_sequence)
    checks.not_negative("after_audit", request.after_audit)
    limit = checks.window(request.limit, 0).limit
    checks.settle()
    return Stretch(request.run_id, request.after_sequence, request.after_audit, limit)


def watch(request: ops.WatchRunRequest) -> tuple[str, int]:
    """The run's id, and the sequence after which to begin."""
    checks = _of_run(request)
    checks.not_negative("after_sequence", request.after_sequence)
    checks.settle()
    return request.run_id, request.after_sequence


def graph(request: ops.GetRunGraphRequest) -> tuple[str, Format]:
    checks = _of_run(request)
    wanted = checks.member("format", request.format, enums.GRAPH_FORMAT_OF) or Format.MERMAID
    checks.settle()
    return request.run_id, wanted


def search(request: ops.SearchRunsRequest, caller: Caller) -> tuple[RunSearch, int]:
    """What is searched for, and how many to a page."""
    checks = Checks()
    wanted = replace(filtered(checks, request, caller), before_id=_before(checks, request.page_token))
    page_size = sized(checks, request)
    checks.settle()
    return wanted, page_size


def filtered(checks: Checks, request: ops.SearchRunsRequest, caller: Caller) -> RunSearch:
    """The filters alone, from the newest run on. Raises Refusal (DENIED) for a foreign workspace."""
    workspace_id = caller.meant(request.workspace_id)
    checks.texts(request)
    checks.workspace(request.workspace_id)
    ids: dict[str, Any] = {field: checks.id(field, getattr(request, field)) for field in _SEARCHED}
    wanted = RunSearch(
        **ids,
        workspace_id=workspace_id or None,
        definition_version=checks.not_negative("definition_version", request.definition_version),
        states=_states(checks, request),
        tag=checks.tag("tag", request.tag),
        started_from=_moment(checks, request, "started_from"),
        started_before=_moment(checks, request, "started_before"),
        step_states=_step_states(checks, request),
    )
    if wanted.started_from and wanted.started_before and wanted.started_before <= wanted.started_from:
        checks.note("started_before", "out_of_order", "is not after started_from")
    return wanted


def sized(checks: Checks, request: ops.SearchRunsRequest) -> int:
    """How many to a page."""
    return min(checks.not_negative("page_size", request.page_size), MAX_LIMIT) or DEFAULT_LIMIT


def page_token(last_id: str) -> str:
    """The token of the page that begins after this run."""
    return urlsafe_b64encode(last_id.encode()).decode()


def _moment(checks: Checks, request: ops.SearchRunsRequest, field: str) -> datetime | None:
    return checks.moment(field, getattr(request, field)) if request.HasField(field) else None  # type: ignore[arg-type]


def _states(checks: Checks, request: ops.SearchRunsRequest) -> tuple[RunState, ...]:
    if len(request.states) > len(RunState):
        checks.note("states", "too_many", f"are more than {len(RunState)}")
        return ()
    found = []
    for at, number in enumerate(request.states):
        if state := checks.member(f"states[{at}]", number, enums.RUN_STATE_OF):
            found.append(state)
        elif not number:
            checks.note(f"states[{at}]", "required", "is required")
    return tuple(found)


def _step_states(checks: Checks, request: ops.SearchRunsRequest) -> tuple[StepState, ...]:
    if state := checks.member("step_state", request.step_state, enums.STEP_STATE_OF):
        return (state,)
    return OPEN if request.step_id else ()


def _before(checks: Checks, token: str) -> str:
    run_id = read_token(token)
    if run_id is None or len(run_id) > MAX_ID:
        checks.note("page_token", "malformed", "is not a token of a page")
        return ""
    return run_id


def read_token(token: str) -> str | None:
    """What `page_token` was given; None when it was not."""
    try:
        text = b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return None if "\0" in text else text


def _of_run(request: OfRun) -> Checks:
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    return checks
