"""The RPCs for operators of runs: parse, call the application, render.

Methods are named like the RPCs of `RunService`. Errors and the shield as in `servicer`. A watch gives nothing back but
writes one message after the other.
"""

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.errors import not_found
from service.domain.inquiry import EventPage, RunEvent
from service.edge import idempotency, parse_bulk, parse_control, parse_inquiry, render_run
from service.edge.answers import Answers
from service.edge.app import Bulk, Inquiries, Runs
from service.edge.caller import confirm, current
from service.edge.controls import Controls
from service.edge.errors import Context
from service.edge.shield import Shield
from service.edge.trailers import whole
from service.edge.watches import Watches

WATCHED_AT_ONCE = 100
"""How many events a watch reads in one look."""


class RunService:
    def __init__(
        self,
        runs: Runs,
        inquiries: Inquiries,
        bulk: Bulk,
        answering: Answers,
        shield: Shield,
        watches: Watches | None = None,
    ) -> None:
        self.watches = watches or Watches()
        self._runs = runs
        self._inquiries = inquiries
        self._bulk = bulk
        self._answers = answering
        self._shield = shield
        self.RetryStep = self.SkipStep = Controls(runs, answering, shield).make

    async def ForkRun(self, request: ops.ForkRunRequest, context: Context) -> bytes:
        caller = current()
        wanted = parse_control.fork(request)
        idem = idempotency.read(context, request)
        forked = await self._shield.answer(context, self._runs.fork(wanted, caller.workspace, caller.actor, idem))
        return whole(context, self._answers.run(forked))

    async def ControlRuns(self, request: ops.ControlRunsRequest, context: Context) -> bytes:
        caller = current()
        order = parse_bulk.bulk(request, caller)
        idem = idempotency.read(context, request)
        chosen = await self._shield.answer(context, self._bulk.choose(order, idem))
        results = await self._bulk.control(order, chosen.targets, caller.workspace, caller.actor, idem)
        return render_run.controlled(chosen, results, parse_bulk.next_page(chosen)).SerializeToString()

    async def PreviewCompensation(self, request: ops.PreviewCompensationRequest, context: Context) -> bytes:
        run_id = parse_control.previewed(request)
        levels = await self._runs.to_undo(run_id, current().workspace)
        if levels is None:
            raise not_found("run", run_id)
        return render_run.preview(levels).SerializeToString()

    # --- asking about runs -----------------------------------------------------------------------------------------

    async def ExplainRun(self, request: ops.ExplainRunRequest, context: Context) -> bytes:
        run_id = parse_inquiry.named(request)
        found = await self._inquiries.explain(run_id, current().workspace)
        if found is None:
            raise not_found("run", run_id)
        return render_run.explanation(found).SerializeToString()

    async def ListRunEvents(self, request: ops.ListRunEventsRequest, context: Context) -> bytes:
        asked = parse_inquiry.stretch(request)
        found = await self._inquiries.history(
            asked.run_id, asked.after, asked.after_audit, asked.limit, current().workspace
        )
        if found is None:
            raise not_found("run", asked.run_id)
        return render_run.history(found).SerializeToString()

    async def WatchRun(self, request: ops.WatchRunRequest, context: Context) -> None:
        run_id, after = parse_inquiry.watch(request)
        visible = current().workspace

        async def look(after: int) -> EventPage:
            await confirm()
            page = await self._inquiries.events(run_id, after, WATCHED_AT_ONCE, visible)
            if page is None:
                raise not_found("run", run_id)
            return page

        async def send(event: RunEvent) -> None:
            await context.write(ops.WatchRunResponse(event=render_run.event(event)).SerializeToString())

        await self.watches.follow(look, send, after, visible)

    async def GetRunGraph(self, request: ops.GetRunGraphRequest, context: Context) -> bytes:
        run_id, wanted = parse_inquiry.graph(request)
        text = await self._inquiries.picture(run_id, wanted, current().workspace)
        if text is None:
            raise not_found("run", run_id)
        return ops.GetRunGraphResponse(text=text).SerializeToString()

    async def SearchRuns(self, request: ops.SearchRunsRequest, context: Context) -> bytes:
        wanted, page_size = parse_inquiry.search(request, current())
        found = await self._inquiries.search(wanted, page_size)
        token = parse_inquiry.page_token(found.runs[-1].run.id) if found.more else ""
        return render_run.found(found, token).SerializeToString()
