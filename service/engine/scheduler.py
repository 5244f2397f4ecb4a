"""The calendar: starts a run for every tick of every schedule, once, whichever replica gets to it.

Due schedules are claimed by the database's clock under a lease; `domain/schedule` says what is done now. A tick's start
key is its minute, so a claim that died after the start is repeated without a second run, and so is a backfill. A move
that cannot be made is left to the next claim, where late ticks are counted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain import start_keys
from service.domain.beginning import check_enabled
from service.domain.commands import OURSELVES, CancelRun, Envelope, StartRun
from service.domain.decision import Accepted
from service.domain.definition import TriggerType
from service.domain.errors import Refusal, RunPurged, not_found
from service.domain.ids import Ids
from service.domain.schedule import Move, Schedule, next_move, tick_key
from service.domain.schemas import INPUT_SCHEMA
from service.engine.advance import Advance
from service.engine.loop import Loop
from service.engine.ports.catalogue import Catalogue
from service.engine.ports.failures import StoreUnavailable
from service.engine.ports.schedules import DueSchedule, ScheduleStore

CLAIM = 100
IDLE_SECONDS = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ticked:
    """The run of a tick; `fresh` is False when the tick had its run before."""

    tick: datetime
    run_id: str
    fresh: bool


class Scheduler:
    def __init__(
        self,
        advance: Advance,
        schedules: ScheduleStore,
        catalogue: Catalogue,
        ids: Ids,
    ) -> None:
        self._advance = advance
        self._tracer = advance.tracer
        self._schedules = schedules
        self._catalogue = catalogue
        self._ids = ids
        self.counters: Counter[str] = Counter()
        self.loop = Loop("schedules", self.move_on, IDLE_SECONDS)

    async def move_on(self) -> bool:
        """One round; True when there may be more."""
        due = await self._schedules.claim_schedules(CLAIM, self._advance.lease.seconds)
        more = await asyncio.gather(*(self._move(claimed) for claimed in due))
        return len(due) == CLAIM or any(more)

    async def start_ticks(self, schedule: Schedule, ticks: Sequence[datetime], trace: str = "") -> list[Ticked]:
        """Runs for these ticks, in order, each once for ever; `trace` is of who asked for them.

        Raises Refusal, StoreUnavailable.
        """
        return [await self._start(schedule, tick, trace) for tick in ticks]

    async def _move(self, claimed: DueSchedule) -> bool:
        schedule = claimed.schedule
        move = next_move(schedule, claimed.now, going=claimed.going, enabled=claimed.enabled)
        try:
            with self._tracer.span("tick", "", definition_id=schedule.definition_id) as span:
                move, run_id = await self._perform(schedule, move, span.trace)
            await self._schedules.move_on(schedule, move, run_id)
        except (Refusal, StoreUnavailable) as error:
            log.warning("a tick of %s is left for later: %s", schedule.definition_id, error)
            return False
        self._count(move)
        return move.due_at <= claimed.now

    async def _perform(self, schedule: Schedule, move: Move, trace: str) -> tuple[Move, str]:
        """The move as it was really made, and the id of the run that was started, or nothing."""
        if move.start is None:
            return move, ""
        if move.cancel_last:
            await self._cancel(schedule, trace)
        try:
            return move, (await self._start(schedule, move.start, trace)).run_id
        except Refusal as refusal:
            if refusal.reason != INPUT_SCHEMA:
                raise
            self.counters[refusal.reason] += 1
            log.warning("a tick of %s is skipped: %s", schedule.definition_id, refusal)
            return move.refused(), ""

    async def _cancel(self, schedule: Schedule, trace: str) -> None:
        """A run that has ended meanwhile needs no cancelling."""
        command, cause = CancelRun("the next tick of its schedule is due"), _cause(schedule, schedule.next_at)
        envelope = Envelope(command, OURSELVES, cause, trace=trace)
        try:
            await self._advance.submit(schedule.last_run_id, envelope, schedule.workspace_id)
        except Refusal as refusal:
            log.info("%s is not cancelled: %s", schedule.last_run_id, refusal)

    async def _start(self, schedule: Schedule, tick: datetime, trace: str) -> Ticked:
        definition = await self._catalogue.find(schedule.workspace_id, schedule.definition_id, "")
        if definition is None:
            raise not_found("definition", schedule.definition_id)
        check_enabled(definition)
        plan = await self._advance.plans.to_start(definition)
        command = StartRun(
            run_id=self._ids.run(),
            trigger_type=TriggerType.SCHEDULE,
            input_payload={"scheduled_at": tick_key(tick)},
            trigger_event_id=_cause(schedule, tick),
            max_seconds=definition.max_run_seconds,
        )
        key = start_keys.by_tick(schedule.workspace_id, definition.id, tick_key(tick))
        envelope = Envelope(command, OURSELVES, _cause(schedule, tick), trace=trace)
        try:
            reply = await self._advance.start(key, plan, envelope)
        except RunPurged as purged:
            return Ticked(tick, purged.run_id, fresh=False)
        return Ticked(tick, reply.run.id, isinstance(reply.verdict, Accepted))

    def _count(self, move: Move) -> None:
        self.counters["started"] += move.start is not None
        self.counters["missed"] += move.missed
        self.counters["skipped"] += move.skipped


def _cause(schedule: Schedule, tick: datetime) -> str:
    return f"tick:{schedule.definition_id}:{tick_key(tick)}"
