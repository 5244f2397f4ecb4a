"""Controls many runs: chooses them, brings the command to each, and tells what became of it.

Each run is controlled like by its own RPC; one that refuses, or is changed too fast, stops no other. At most `AT_ONCE`
are under way. When the caller goes away nothing more is begun, and what was begun is brought to its end.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from service.domain.bulk import (
    BulkOrder,
    Chosen,
    Controlled,
    ControlOutcome,
    Counted,
    Target,
    check_few,
    command,
    refused,
    targeted,
)
from service.domain.commands import Envelope
from service.domain.errors import Refusal
from service.domain.idempotency import Idem, Replayable
from service.domain.run_search import RunSearch
from service.edge.rpc import idempotency
from service.edge.rpc.shield import Shield
from service.edge.workflows.run_calls import Runs
from service.engine.ports.failures import StoreUnavailable

AT_ONCE = 8

_log = logging.getLogger(__name__)


class Bulk(Protocol):
    """Controls of many runs at once."""

    async def choose(self, order: BulkOrder, idem: Idem | None) -> Replayable[Chosen]:
        """Which runs a page is about; the same ones again when the call is repeated."""
        ...

    async def control(
        self, order: BulkOrder, targets: Sequence[Target], visible: str | None, actor: str, idem: Idem | None
    ) -> Sequence[Controlled]:
        """Brings the command to each run; what one of them refuses stops no other."""
        ...


class Finding(Protocol):
    """See `store.run_reads`."""

    async def count(self, wanted: RunSearch) -> Counted: ...

    async def oldest(self, wanted: RunSearch, after_id: str, last_id: str, limit: int) -> Sequence[Target]: ...


class Calls(Protocol):
    """See `store.bulk`."""

    async def known(self, workspace_id: str, idem: Idem) -> Chosen | None: ...

    async def keep(self, workspace_id: str, idem: Idem, chosen: Chosen) -> Chosen: ...


class BulkControl:
    def __init__(self, runs: Runs, finding: Finding, calls: Calls, shield: Shield) -> None:
        self._runs = runs
        self._finding = finding
        self._calls = calls
        self._shield = shield

    async def choose(self, order: BulkOrder, idem: Idem | None) -> Replayable[Chosen]:
        """The runs of this page; those of the first time when the call is repeated. Raises Refusal."""
        workspace = order.wanted.workspace_id or ""
        if idem is None or order.dry_run:
            return Replayable(await self._found(order))
        if known := await self._calls.known(workspace, idem):
            return Replayable(known, replay=True)
        return Replayable(await self._calls.keep(workspace, idem, await self._found(order)))

    async def control(
        self, order: BulkOrder, targets: Sequence[Target], visible: str | None, actor: str, idem: Idem | None
    ) -> Sequence[Controlled]:
        """In the order of the targets. Nothing is done on a dry run."""
        if order.dry_run:
            return [Controlled(target.run_id, target.state) for target in targets]
        # All changes of one call have one cause.
        envelope = idempotency.envelope(command(order.control, order.reason), actor, idem, "rpc:bulk")
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(target: Target) -> Controlled:
            async with turns:
                return await self._shield.run(self._one(target, envelope, visible))

        return await asyncio.gather(*map(in_turn, targets))

    async def _found(self, order: BulkOrder) -> Chosen:
        wanted = targeted(order.wanted, order.control)
        if wanted is None:
            return Chosen(0, order.last_id, (), more=False)
        counted = await self._finding.count(wanted)
        if not order.dry_run:
            check_few(counted.matched, order.at_most)
        last_id = order.last_id or counted.last_id
        found = await self._finding.oldest(wanted, order.after_id, last_id, order.page_size + 1)
        return Chosen(counted.matched, last_id, found[: order.page_size], len(found) > order.page_size)

    async def _one(self, target: Target, envelope: Envelope, visible: str | None) -> Controlled:
        try:
            after = (await self._runs.change(target.run_id, envelope, visible)).value
        except Refusal as refusal:
            return refused(target, refusal.reason, refusal.message)
        except StoreUnavailable:
            return refused(target, "database_unavailable", "the database does not answer")
        except Exception as error:
            _log.error("a run could not be controlled", exc_info=error)
            return refused(target, "internal", "the run could not be changed; the log tells why")
        outcome = ControlOutcome.CHANGED if after.sequence > target.sequence else ControlOutcome.UNCHANGED
        return Controlled(target.run_id, after.state, outcome)
