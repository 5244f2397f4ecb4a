"""Requests that control many runs: proto to domain values, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once, the filter's fields as `filter.states[0]`. A token of a
page names the last run of the page before it and the newest one of all pages, and is nobody's to make up. Called by the
servicer of runs.
"""

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.bulk import BulkOrder, Chosen, Control, unbounded
from service.domain.limits import MAX_ID
from service.domain.run_search import RunSearch
from service.edge.gate.caller import Caller
from service.edge.runs import requests
from service.edge.wire import enums
from service.edge.wire.checks import Checks

_BETWEEN = "\n"  # no id holds it


def bulk(request: ops.ControlRunsRequest, caller: Caller) -> BulkOrder:
    checks = Checks.of(request)
    within = checks.within("filter.")
    wanted = requests.filtered(within, request.filter, caller)
    after_id, last_id = _place(within, request.filter.page_token)
    order = BulkOrder(
        wanted=wanted,
        control=_control(checks, request.control),
        reason=checks.text("reason", request.reason),
        dry_run=request.dry_run,
        at_most=checks.not_negative("at_most", request.at_most),
        page_size=requests.sized(within, request.filter),
        after_id=after_id,
        last_id=last_id,
    )
    _check_named(checks, wanted)
    checks.settle()
    return order


def next_page(chosen: Chosen) -> str:
    """The token of the page after this one; empty when there is none."""
    return requests.page_token(chosen.targets[-1].run_id + _BETWEEN + chosen.last_id) if chosen.more else ""


def _control(checks: Checks, number: int) -> Control:
    """Raises nothing: what is not said is noted."""
    control = checks.member("control", number, enums.RUN_CONTROL_OF)
    if not number:
        checks.note("control", "required", "is required")
    return control or Control.PAUSE


def _check_named(checks: Checks, wanted: RunSearch) -> None:
    """Nobody cancels everything of everybody by leaving something out."""
    if unbounded(wanted):
        checks.note("filter", "filter_required", "has to name a workspace, or more of the runs than their state")


def _place(checks: Checks, token: str) -> tuple[str, str]:
    after_id, between, last_id = (requests.read_token(token) or "").partition(_BETWEEN)
    if (token and not (after_id and between and last_id)) or max(len(after_id), len(last_id)) > MAX_ID:
        checks.note("page_token", "malformed", "is not a token of a page")
    return after_id, last_id
