"""What the RPCs on retention mean.

Policies and holds are changed in the store, in one transaction each; a purge is the engine's, as the one by policy is.
"""

from collections.abc import Sequence
from typing import Protocol

from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.retention import Hold, PurgeRecord, PurgeRequest, RetentionPolicy
from service.domain.state import RunState
from service.engine.purging import Purged, PurgeWish


class Store(Protocol):
    """Raises Refusal, StoreUnavailable."""

    async def policies(self, workspace_id: str | None) -> Sequence[RetentionPolicy]: ...

    async def set_policy(self, wanted: RetentionPolicy, idem: Idem | None) -> Replayable[RetentionPolicy]: ...

    async def delete_policy(self, workspace_id: str, state: RunState | None, idem: Idem | None) -> Replayable[None]: ...

    async def hold(
        self, run_id: str, reason: str, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Hold]: ...

    async def release(self, run_id: str, visible: str | None, idem: Idem | None) -> Replayable[Hold | None]: ...


class Reads(Protocol):
    """Seeing only what the workspace may see."""

    async def holds(self, workspace_id: str | None, limit: int, offset: int) -> Page[Hold]: ...

    async def purges(self, workspace_id: str | None, limit: int, offset: int) -> Page[PurgeRecord]: ...


class Purger(Protocol):
    """Raises StoreUnavailable."""

    default_seconds: int

    async def purge(self, wanted: PurgeWish) -> Purged: ...


class Retention(Store, Reads, Protocol):
    """What the servicer asks for."""

    default_seconds: int

    async def purge(self, request: PurgeRequest, actor: str) -> Purged: ...


class EngineRetention:
    def __init__(self, store: Store, reads: Reads, purger: Purger) -> None:
        self._purger = purger
        self.default_seconds = purger.default_seconds
        self.policies, self.set_policy, self.delete_policy = store.policies, store.set_policy, store.delete_policy
        self.hold, self.release = store.hold, store.release
        self.holds, self.purges = reads.holds, reads.purges

    async def purge(self, request: PurgeRequest, actor: str) -> Purged:
        """Raises StoreUnavailable; what was purged before stays so."""
        cuts = dict.fromkeys(request.states, request.cut)
        wanted = PurgeWish(request.workspace_id, lambda _: cuts, actor, request.limit, dry_run=request.dry_run)
        return await self._purger.purge(wanted)
