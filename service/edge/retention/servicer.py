"""The RPCs about retention: check, call, render.

Methods are named like the RPCs of `RetentionService`. Errors and the shield as in `workflows.servicer`.
"""

from workflows.ops.v1 import retention_pb2 as ops

from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.retention import replies, requests
from service.edge.retention.calls import Retention
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield


class RetentionService:
    def __init__(self, retention: Retention, shield: Shield) -> None:
        self._retention = retention
        self._shield = shield

    async def SetPolicy(self, request: ops.SetPolicyRequest, context: Context) -> bytes:
        caller = current()
        wanted = requests.policy(request, caller)
        idem = idempotency.read(context, request)
        done = await self._shield.answer(context, self._retention.set_policy(wanted, idem))
        return ops.SetPolicyResponse(policy=replies.policy(done)).SerializeToString()

    async def ListPolicies(self, request: ops.ListPoliciesRequest, context: Context) -> bytes:
        found = await self._retention.policies(requests.policies(request, current()))
        return replies.policies(found, self._retention.default_seconds).SerializeToString()

    async def DeletePolicy(self, request: ops.DeletePolicyRequest, context: Context) -> bytes:
        caller = current()
        workspace_id, state = requests.policy_key(request, caller)
        idem = idempotency.read(context, request)
        await self._shield.answer(context, self._retention.delete_policy(workspace_id, state, idem))
        return ops.DeletePolicyResponse().SerializeToString()

    async def HoldRun(self, request: ops.HoldRunRequest, context: Context) -> bytes:
        caller = current()
        run_id, reason = requests.hold(request)
        idem = idempotency.read(context, request)
        done = await self._shield.answer(
            context, self._retention.hold(run_id, reason, caller.workspace, caller.actor, idem)
        )
        return ops.HoldRunResponse(hold=replies.hold(done)).SerializeToString()

    async def ReleaseRun(self, request: ops.ReleaseRunRequest, context: Context) -> bytes:
        caller = current()
        run_id = requests.release(request)
        idem = idempotency.read(context, request)
        done = await self._shield.answer(context, self._retention.release(run_id, caller.workspace, idem))
        ended = replies.hold(done) if done else None
        return ops.ReleaseRunResponse(hold=ended).SerializeToString()

    async def ListHolds(self, request: ops.ListHoldsRequest, context: Context) -> bytes:
        workspace_id, window = requests.listed(request, current())
        page = await self._retention.holds(workspace_id, window.limit, window.offset)
        return replies.holds(page).SerializeToString()

    async def Purge(self, request: ops.PurgeRequest, context: Context) -> bytes:
        caller = current()
        asked = requests.purge(request, caller)
        done = await self._shield.run(self._retention.purge(asked, caller.actor))
        return replies.purged(done).SerializeToString()

    async def ListPurges(self, request: ops.ListPurgesRequest, context: Context) -> bytes:
        workspace_id, window = requests.listed(request, current())
        page = await self._retention.purges(workspace_id, window.limit, window.offset)
        return replies.purges(page).SerializeToString()
