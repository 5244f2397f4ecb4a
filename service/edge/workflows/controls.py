"""How every control of a run is made: parse, bring the command to the run, render the run it left.

Shared by the servicers whose RPCs control runs; which control it is, the request says.
"""

from service.edge.app import Runs
from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield
from service.edge.rpc.trailers import whole
from service.edge.workflows import control_requests
from service.edge.workflows.run_replies import RunReplies


class Controls:
    def __init__(self, runs: Runs, run_replies: RunReplies, shield: Shield) -> None:
        self._runs = runs
        self._run_replies = run_replies
        self._shield = shield

    async def make(self, request: control_requests.Control, context: Context) -> bytes:
        """Raises Refusal."""
        caller = current()
        order = control_requests.order(request)
        idem = idempotency.read(context, request)
        envelope = idempotency.envelope(order.command, caller.actor, idem)
        changed = await self._shield.answer(context, self._runs.change(order.run_id, envelope, caller.workspace))
        return whole(context, self._run_replies.run(changed))
