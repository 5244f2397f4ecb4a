"""How every control of a run is made: parse, bring the command to the run, render the run it left.

Shared by the servicers whose RPCs control runs; which control it is, the request says.
"""

from service.edge import idempotency, parse_control
from service.edge.answers import Answers
from service.edge.app import Runs
from service.edge.caller import current
from service.edge.errors import Context
from service.edge.shield import Shield
from service.edge.trailers import whole


class Controls:
    def __init__(self, runs: Runs, answering: Answers, shield: Shield) -> None:
        self._runs = runs
        self._answers = answering
        self._shield = shield

    async def make(self, request: parse_control.Control, context: Context) -> bytes:
        """Raises Refusal."""
        caller = current()
        order = parse_control.order(request)
        idem = idempotency.read(context, request)
        envelope = idempotency.envelope(order.command, caller.actor, idem)
        changed = await self._shield.answer(context, self._runs.change(order.run_id, envelope, caller.workspace))
        return whole(context, self._answers.run(changed))
