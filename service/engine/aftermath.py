"""What a decision leads to outside of its run: calls are encoded before the commit, and handed on after it.

The bytes that are stored are the bytes that are sent, however often; a call that cannot be put into the sibling's words
is stored empty, and the dispatcher rejects it unasked. After the commit the dispatcher has the calls (leased to this
process by the very same apply), the router the waits that were opened, and the relay a hint. Called by `advance`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from service.domain.calls import Call, OwnCall
from service.domain.decision import Decision, Wait
from service.domain.effects import Effect, Owed, encode_own
from service.domain.state import Run
from service.engine.ports.siblings import Siblings
from service.engine.ports.work import Work

log = logging.getLogger(__name__)


class Aftermath(Protocol):
    """What has to happen after a commit; none of it may fail the command."""

    def owed(self, work: Sequence[Work], leased_at: float) -> None: ...

    def opened(self, run_id: str, workspace_id: str, waits: Sequence[Wait]) -> None: ...

    def changed(self) -> None: ...


def requests_of(decision: Decision, siblings: Siblings) -> dict[str, bytes]:
    """The bytes of each call that the decision owes, by the effect's id."""
    return {effect.id: _encoded(effect.call, decision.run, siblings) for effect in decision.owed}


def hand_on(decision: Decision, requests: Mapping[str, bytes], leased_at: float, to: Aftermath) -> None:
    """After the commit: `leased_at` is the monotonic clock's time before it."""
    run = decision.run
    if work := [_leased(run, effect, requests[effect.id]) for effect in decision.owed if not effect.delay_seconds]:
        to.owed(work, leased_at)
    if decision.opened:
        to.opened(run.id, run.workspace_id, decision.opened)
    if decision.events:
        to.changed()


def _leased(run: Run, effect: Effect, request: bytes) -> Work:
    """As the apply has stored it: leased to this process under the first token."""
    owed = Owed(effect.id, effect.step_id, effect.attempt, effect.kind, 1)
    return Work(run.id, run.workspace_id, owed, request, effect.trace)


def _encoded(call: Call, run: Run, siblings: Siblings) -> bytes:
    try:
        if isinstance(call, OwnCall):
            return encode_own(call)
        return siblings.encode(call, run.workspace_id, run.id)
    except ValueError as error:
        log.warning("a call of %s cannot be made: %s", run.id, error)
        return b""
