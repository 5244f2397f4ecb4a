"""Which runs a control under a caller's key is about, kept before the first of them changes.

A repetition, also of a call that its client's deadline cut short, is about the same runs though fewer match by now;
what is already done to them answers from their causes. Rows live as long as those do.
"""

from typing import Any

from service.domain.bulk import Chosen, Target
from service.domain.idempotency import Idem
from service.domain.state import RunState
from service.store.pool import Pool
from service.store.repeatable import RepeatableCall

METHOD = "ControlRuns"


class BulkCalls:
    """Constructed with a pool of the engine's role. Raises StoreUnavailable, and Refusal for a key of another call."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def known(self, workspace_id: str, idem: Idem) -> Chosen | None:
        """What was kept under this key; None when it is new."""
        async with self._pool.transaction() as connection:
            kept = await RepeatableCall(METHOD, workspace_id, idem).answered(connection)
        return _chosen(kept) if kept is not None else None

    async def keep(self, workspace_id: str, idem: Idem, chosen: Chosen) -> Chosen:
        """Keeps what was chosen, or gives what the same call, sent twice at once, has chosen first."""
        call = RepeatableCall(METHOD, workspace_id, idem)
        async with self._pool.transaction() as connection:
            kept = await call.answered(connection)
            if kept is None:
                await call.answer(connection, chosen)
        return chosen if kept is None else _chosen(kept)


def _chosen(kept: Any) -> Chosen:
    targets = [Target(each["run_id"], RunState(each["state"]), each["sequence"]) for each in kept["targets"]]
    return Chosen(kept["matched"], kept["last_id"], targets, kept["more"])
