"""Policies, holds and purges as the wire's messages. It trusts the domain and cannot fail."""

from collections.abc import Sequence
from datetime import datetime

from workflows.ops.v1 import retention_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.paging import Page
from service.domain.retention import Cut, Hold, PurgeRecord, RetentionPolicy
from service.domain.state import RunState
from service.edge.wire import enums
from service.edge.wire.moments import moment
from service.engine.purging import Purged

SHOWN = 100


def policy(value: RetentionPolicy) -> ops.RetentionPolicy:
    return ops.RetentionPolicy(
        workspace_id=value.workspace_id,
        state=enums.RUN_STATE[value.state] if value.state else pb.WORKFLOW_STATE_UNSPECIFIED,
        keep_seconds=value.keep_seconds,
        set_by=value.set_by,
        set_at=moment(value.set_at),
    )


def policies(values: Sequence[RetentionPolicy], default_seconds: int) -> ops.ListPoliciesResponse:
    return ops.ListPoliciesResponse(policies=map(policy, values), default_keep_seconds=default_seconds)


def hold(value: Hold) -> ops.RunHold:
    return ops.RunHold(
        run_id=value.run_id,
        workspace_id=value.workspace_id,
        reason=value.reason,
        held_by=value.held_by,
        held_at=moment(value.held_at),
    )


def holds(page: Page[Hold]) -> ops.ListHoldsResponse:
    return ops.ListHoldsResponse(holds=map(hold, page.rows), total=page.total)


def purges(page: Page[PurgeRecord]) -> ops.ListPurgesResponse:
    return ops.ListPurgesResponse(purges=map(_record, page.rows), total=page.total)


def _record(value: PurgeRecord) -> ops.PurgeRecord:
    return ops.PurgeRecord(
        id=value.id,
        workspace_id=value.workspace_id,
        purged_at=moment(value.purged_at),
        purged_by=value.purged_by,
        cuts=[_cut(state, value.cuts[state]) for state in sorted(value.cuts)],
        runs=value.runs,
    )


def _cut(state: RunState, cut: Cut) -> ops.PurgeCut:
    if isinstance(cut, datetime):
        return ops.PurgeCut(state=enums.RUN_STATE[state], before=moment(cut))
    return ops.PurgeCut(state=enums.RUN_STATE[state], older_than_seconds=cut)


def purged(value: Purged) -> ops.PurgeResponse:
    return ops.PurgeResponse(
        count=len(value.runs),
        run_ids=value.runs[:SHOWN],
        left=[ops.LeftFamilies(reason=why.value, count=count) for why, count in sorted(value.left.items())],
        more=value.more,
    )
