"""The RPCs about schedules: check, call, render.

Methods are named like the RPCs of `ScheduleService`. Errors and the shield as in `workflows.servicer`.
"""

from workflows.ops.v1 import schedules_pb2 as ops

from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield
from service.edge.schedules import replies, requests
from service.edge.schedules.calls import Schedules


class ScheduleService:
    def __init__(self, schedules: Schedules, shield: Shield) -> None:
        self._schedules = schedules
        self._shield = shield

    async def GetSchedule(self, request: ops.GetScheduleRequest, context: Context) -> bytes:
        found = await self._schedules.get(requests.named(request), current().workspace)
        return ops.GetScheduleResponse(schedule=replies.schedule(found)).SerializeToString()

    async def ListSchedules(self, request: ops.ListSchedulesRequest, context: Context) -> bytes:
        workspace_id, window = requests.schedule_list(request, current())
        page = await self._schedules.list(workspace_id, window.limit, window.offset)
        return replies.schedules(page).SerializeToString()

    async def PauseSchedule(self, request: ops.PauseScheduleRequest, context: Context) -> bytes:
        caller = current()
        definition_id, reason = requests.pause(request)
        idem = idempotency.read(context, request)
        paused = await self._shield.answer(
            context, self._schedules.pause(definition_id, reason, caller.workspace, caller.actor, idem)
        )
        return ops.PauseScheduleResponse(schedule=replies.schedule(paused)).SerializeToString()

    async def ResumeSchedule(self, request: ops.ResumeScheduleRequest, context: Context) -> bytes:
        caller = current()
        definition_id = requests.named(request)
        idem = idempotency.read(context, request)
        resumed = await self._shield.answer(context, self._schedules.resume(definition_id, caller.workspace, idem))
        return ops.ResumeScheduleResponse(schedule=replies.schedule(resumed)).SerializeToString()

    async def SetSchedulePolicy(self, request: ops.SetSchedulePolicyRequest, context: Context) -> bytes:
        caller = current()
        definition_id, change = requests.policy(request)
        idem = idempotency.read(context, request)
        changed = await self._shield.answer(
            context, self._schedules.set_policy(definition_id, change, caller.workspace, idem)
        )
        return ops.SetSchedulePolicyResponse(schedule=replies.schedule(changed)).SerializeToString()

    async def ListUpcoming(self, request: ops.ListUpcomingRequest, context: Context) -> bytes:
        definition_id, count = requests.upcoming(request)
        ticks = await self._schedules.upcoming(definition_id, count, current().workspace)
        return replies.upcoming(ticks).SerializeToString()

    async def Backfill(self, request: ops.BackfillRequest, context: Context) -> bytes:
        asked = requests.backfill(request)
        filled = self._schedules.backfill(asked.definition_id, asked.start, asked.end, current().workspace)
        return replies.backfilled(await self._shield.run(filled)).SerializeToString()
