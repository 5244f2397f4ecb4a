"""The RPCs about people's tasks: check, call, render.

Methods are named like the RPCs of `HumanTaskService`. A task is part of its run: what changes it is a command to the
run, behind the same fence, and what it has become is in the run that comes back. Errors and the shield as in
`workflows.servicer`.
"""

from workflows.ops.v1 import tasks_pb2 as ops

from service.domain.errors import not_found
from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield
from service.edge.rpc.trailers import whole
from service.edge.tasks import replies, requests
from service.edge.tasks.calls import Tasks


class TaskService:
    def __init__(self, tasks: Tasks, shield: Shield) -> None:
        self._tasks = tasks
        self._shield = shield

    async def ListTasks(self, request: ops.ListTasksRequest, context: Context) -> bytes:
        chosen, window = requests.task_list(request, current())
        page = await self._tasks.list(chosen, window.limit, window.offset)
        return whole(context, replies.tasks(page))

    async def GetTask(self, request: ops.GetTaskRequest, context: Context) -> bytes:
        asked = requests.task_id(request)
        found = await self._tasks.get(asked.run_id, asked.step_id, current().workspace)
        if found is None:
            raise not_found("task", request.id)
        return ops.GetTaskResponse(task=replies.task(found)).SerializeToString()

    async def _change(self, request: requests.Change, context: Context) -> bytes:
        """Every change is made alike; what it is, the request says."""
        caller = current()
        order = requests.order(request, caller)
        idem = idempotency.read(context, request)
        envelope = idempotency.envelope(order.command, order.actor, idem)
        change = self._tasks.change(order.run_id, order.command.step_id, envelope, caller.workspace)
        changed = await self._shield.answer(context, change)
        return replies.changed(changed)

    ClaimTask = ReleaseTask = ReassignTask = CommentTask = CompleteTask = RejectTask = _change
