"""The RPCs for operators of runs: parse, call the application, render.

Methods are named like the RPCs of `RunService`. Errors and the shield as in `servicer`.
"""

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.errors import not_found
from service.edge import idempotency, parse_control, render_run
from service.edge.answers import Answers
from service.edge.app import Runs
from service.edge.caller import current
from service.edge.controls import Controls
from service.edge.errors import Context
from service.edge.shield import Shield
from service.edge.trailers import whole


class RunService:
    def __init__(self, runs: Runs, answering: Answers, shield: Shield) -> None:
        self._runs = runs
        self._answers = answering
        self._shield = shield
        self.RetryStep = self.SkipStep = Controls(runs, answering, shield).make

    async def ForkRun(self, request: ops.ForkRunRequest, context: Context) -> bytes:
        caller = current()
        wanted = parse_control.fork(request)
        idem = idempotency.read(context, caller, request.DESCRIPTOR.full_name, request)
        forked = await self._shield.run(self._runs.fork(wanted, caller.workspace, caller.actor, idem))
        await idempotency.tell(context, forked.replay)
        return whole(context, self._answers.run(forked.value))

    async def PreviewCompensation(self, request: ops.PreviewCompensationRequest, context: Context) -> bytes:
        run_id = parse_control.previewed(request)
        levels = await self._runs.to_undo(run_id, current().workspace)
        if levels is None:
            raise not_found("run", run_id)
        return render_run.preview(levels).SerializeToString()
