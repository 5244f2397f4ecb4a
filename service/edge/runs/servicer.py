"""The RPCs for operators of runs: check, call, render.

Methods are named like the RPCs of `RunService`. Errors and the shield as in `workflows.servicer`. A watch gives nothing
back but writes one message after the other.
"""

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.errors import not_found
from service.domain.run_history import EventPage, RunEvent
from service.edge.context import Context
from service.edge.gate.caller import confirm, current
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield
from service.edge.rpc.trailers import whole
from service.edge.runs import bulk_requests, control_requests, replies, requests
from service.edge.runs.bulk_calls import Bulk
from service.edge.runs.calls import Inquiries
from service.edge.runs.watches import Watches
from service.edge.workflows.controls import Controls
from service.edge.workflows.run_calls import Runs
from service.edge.workflows.run_replies import RunReplies

WATCHED_AT_ONCE = 100
"""How many events a watch reads in one look."""


class RunService:
    def __init__(
        self,
        runs: Runs,
        inquiries: Inquiries,
        bulk: Bulk,
        run_replies: RunReplies,
        shield: Shield,
        watches: Watches | None = None,
    ) -> None:
        self.watches = watches or Watches()
        self._runs = runs
        self._inquiries = inquiries
        self._bulk = bulk
        self._run_replies = run_replies
        self._shield = shield
        self.RetryStep = self.SkipStep = Controls(control_requests.order, runs, run_replies, shield).make

    async def ForkRun(self, request: ops.ForkRunRequest, context: Context) -> bytes:
        caller = current()
        wanted = control_requests.fork(request)
        idem = idempotency.read(context, request)
        forked = await self._shield.answer(context, self._runs.fork(wanted, caller.workspace, caller.actor, idem))
        return whole(context, self._run_replies.run(forked))

    async def ControlRuns(self, request: ops.ControlRunsRequest, context: Context) -> bytes:
        caller = current()
        order = bulk_requests.bulk(request, caller)
        idem = idempotency.read(context, request)
        chosen = await self._shield.answer(context, self._bulk.choose(order, idem))
        results = await self._bulk.control(order, chosen.targets, caller.workspace, caller.actor, idem)
        return replies.controlled(chosen, results, bulk_requests.next_page(chosen)).SerializeToString()

    async def PreviewCompensation(self, request: ops.PreviewCompensationRequest, context: Context) -> bytes:
        run_id = control_requests.previewed(request)
        levels = await self._runs.to_undo(run_id, current().workspace)
        if levels is None:
            raise not_found("run", run_id)
        return replies.preview(levels).SerializeToString()

    # --- asking about runs -----------------------------------------------------------------------------------------

    async def ExplainRun(self, request: ops.ExplainRunRequest, context: Context) -> bytes:
        run_id = requests.named(request)
        found = await self._inquiries.explain(run_id, current().workspace)
        if found is None:
            raise not_found("run", run_id)
        return replies.explanation(found).SerializeToString()

    async def ListRunEvents(self, request: ops.ListRunEventsRequest, context: Context) -> bytes:
        asked = requests.stretch(request)
        found = await self._inquiries.history(
            asked.run_id, asked.after, asked.after_audit, asked.limit, current().workspace
        )
        if found is None:
            raise not_found("run", asked.run_id)
        return replies.history(found).SerializeToString()

    async def WatchRun(self, request: ops.WatchRunRequest, context: Context) -> None:
        run_id, after = requests.watch(request)
        visible = current().workspace

        async def look(after: int) -> EventPage:
            await confirm()
            page = await self._inquiries.events(run_id, after, WATCHED_AT_ONCE, visible)
            if page is None:
                raise not_found("run", run_id)
            return page

        async def send(event: RunEvent) -> None:
            await context.write(ops.WatchRunResponse(event=replies.event(event)).SerializeToString())

        await self.watches.follow(look, send, after, visible)

    async def GetRunGraph(self, request: ops.GetRunGraphRequest, context: Context) -> bytes:
        run_id, wanted = requests.graph(request)
        text = await self._inquiries.picture(run_id, wanted, current().workspace)
        if text is None:
            raise not_found("run", run_id)
        return ops.GetRunGraphResponse(text=text).SerializeToString()

    async def SearchRuns(self, request: ops.SearchRunsRequest, context: Context) -> bytes:
        wanted, page_size = requests.search(request, current())
        found = await self._inquiries.search(wanted, page_size)
        token = requests.page_token(found.runs[-1].run.id) if found.more else ""
        return replies.found(found, token).SerializeToString()
