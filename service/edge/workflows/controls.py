"""How every control of a run is made: check, bring the command to the run, render the run it left.

Shared by the servicers whose RPCs control runs; which control it is, the request says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from service.domain.commands import ControlCommand
from service.edge.context import Context
from service.edge.gate.caller import current
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield
from service.edge.rpc.trailers import whole
from service.edge.workflows.run_calls import Runs
from service.edge.workflows.run_replies import RunReplies

R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Order:
    """A command to a run."""

    run_id: str
    command: ControlCommand


class Controls(Generic[R]):
    """`read` checks a request and gives the order in it; it raises Refusal."""

    def __init__(self, read: Callable[[R], Order], runs: Runs, run_replies: RunReplies, shield: Shield) -> None:
        self._read = read
        self._runs = runs
        self._run_replies = run_replies
        self._shield = shield

    async def make(self, request: R, context: Context) -> bytes:
        """Raises Refusal."""
        caller = current()
        order = self._read(request)
        idem = idempotency.read(context, request)
        envelope = idempotency.envelope(order.command, caller.actor, idem)
        changed = await self._shield.answer(context, self._runs.change(order.run_id, envelope, caller.workspace))
        return whole(context, self._run_replies.run(changed))
