"""The same load over a quiet bus and over a rough one comes to the same end.

Rough: a fifth of all messages comes twice, under the same id or a new one; messages overtake each other and are late;
NATS is killed in the middle and started again, and later loses its disk with reports that nobody has heard. Compared
are all runs and steps with their outputs and costs, how many there are, the numbers of what was published, and what was
put aside as unreadable.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from approvals.v1.approvals_pb2 import GetApprovalRequest
from objectives.v1.objectives_pb2 import GetRequest
from workflows.v1 import workflows_pb2 as pb

from service.bus.feed import consumer_name
from service.config import table
from service.dev.nats import EmbeddedNats
from tests.fix_store import Databases
from tests.journey import rough_load
from tests.journey.acting import plain, until_siblings
from tests.journey.ledger import Ledger, ledger, scrubbed
from tests.journey.rough_courier import Courier, Quiet, Rough
from tests.journey.rough_load import ALL, ASKED, FIRST, HELD, METERED, POISON, TO_THE_LAST, Load
from tests.journey.streams import until_all_stored
from tests.world import PATIENCE_SECONDS, World, world

SEED = 20261121
LISTEN = {name: default for name, default, _ in table()}["NATS_LISTEN"]
SETTINGS = {
    "QUIET_SECONDS": "1",
    "LEASE_SECONDS": "3",
    "NATS_LISTEN": f"{LISTEN},workflows_changes=workflows.changes.run.completed",
}
TAP = ("SIPHON", consumer_name("workflows", "siphon.tap.>"))

STARTED = "select count(*) from workflow_runs"
ENDED = "select count(*) from workflow_runs where completed_at is not null"
OPEN = """
    select (select count(*) from bus_events where routed_at is null)
         + (select count(*) from run_effects where effect_id !~ '/late')
         + (select count(*) from trigger_deliveries where outcome = '')
"""
"""All but the second look at what something cost, which is minutes later: the first may come after the run's end."""
LETTERS = "select raw, reason from dead_letters"
TICK = "update schedules set next_at = %s, due_at = %s"


@dataclass(frozen=True)
class End:
    """What there is when all is over. `runs` are found by their definition's name and what they were about."""

    runs: Mapping[tuple[str, str], list[Any]]
    recorded: Mapping[str, list[int]]
    published: Mapping[str, list[int]]
    letters: set[tuple[bytes, str]]
    asked: set[str]
    lost: set[str]


class Play:
    def __init__(self, world: World, database: Ledger, courier: Courier) -> None:
        self.world = world
        self.database = database
        self.courier = courier
        self.load = Load()

    async def through(self) -> End:
        now = rough_load.minute()
        self.load = await rough_load.publish(self.world, now)
        await rough_load.begin(self.world, self.load)
        await self._tick(now)
        await self.courier.carry(rough_load.starts(), through="an outage")
        await self.database.until(STARTED, FIRST)
        await self.courier.carry(rough_load.answers())
        await self.courier.carry(rough_load.late())
        await self.database.until(STARTED, ALL)
        await self.database.until(ENDED, ALL - TO_THE_LAST)
        await self._until_heard()
        lost = await self._reports()
        await self.courier.losing(lambda: self._say(lost))
        await self.courier.carry(rough_load.late_answers())
        await self.database.until(ENDED, ALL)
        await self._until_heard()
        await self.database.until(OPEN, 0)
        return await self._end(set(lost))

    async def _tick(self, now: datetime) -> None:
        """Once more for a courier that says things twice, as when whoever took the tick died right after it."""
        for times in range(1, 2 + isinstance(self.courier, Rough)):
            await self.database.eye.execute(TICK, (now, now))
            await self.database.until("select count(*) from schedules where last_tick_at = %s", 2, now)
            self.courier.faults["ticked twice"] += times > 1

    async def _until_heard(self) -> None:
        """Until the service has acked all that the tap has said."""
        stream = self.world.bus.jetstream()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                seen = await stream.consumer_info(*TAP)
                if not seen.num_pending and not seen.num_ack_pending:
                    return

    async def _reports(self) -> list[str]:
        """The objectives and approvals whose end nobody will hear of, when all are there."""
        siblings = self.world.siblings

        def held() -> list[str]:
            return [each.id for each in siblings.objectives.values() if "/held/" in each.description]

        def asked() -> list[str]:
            return [id_ for id_, each in siblings.approvals.items() if each.request.action_type == "asked"]

        await until_siblings(self.world, lambda: (len(held()), len(asked())) == (HELD, ASKED))
        return held() + asked()

    async def _say(self, ids: list[str]) -> None:
        for id_ in ids:
            if id_ in self.world.siblings.objectives:
                await self.world.siblings.finish_objective(id_, METERED)
            else:
                await self.world.siblings.decide_approval(id_, "APPROVED", reason="late")

    async def _end(self, lost: set[str]) -> End:
        recorded = await self.database.sequences()
        return End(
            runs=await self._runs(),
            recorded=recorded,
            published=await until_all_stored(self.world.bus, recorded),
            letters={(bytes(raw), reason) for raw, reason in await self.database.ask(LETTERS)},
            asked=self._asked(),
            lost=lost,
        )

    def _asked(self) -> set[str]:
        """The objectives and approvals that their owners were asked about."""
        read: dict[str, Callable[[bytes], str]] = {
            "objectives.Get": lambda raw: GetRequest.FromString(raw).id,
            "approvals.GetApproval": lambda raw: GetApprovalRequest.FromString(raw).approval_request_id,
        }
        return {read[call.method](call.request) for call in self.world.siblings.calls if call.method in read}

    # --- runs

    async def _runs(self) -> dict[tuple[str, str], list[Any]]:
        by_hand = {id_: f"{name}-{number}" for name, ids in self.load.begun.items() for number, id_ in enumerate(ids)}
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for name, definition_id in self.load.definitions.items():
            listed = await self.world.stub.ListRuns(pb.ListRunsRequest(definition_id=definition_id, limit=500))
            for run in listed.runs:
                whole = await self.world.run(run.id)
                found[name, about(name, whole, by_hand)].append(described(whole))
        return found


def about(name: str, run: pb.WorkflowRun, by_hand: Mapping[str, str]) -> str:
    payload = plain(run.input_payload)
    match name:
        case "lead":
            return run.entity_id
        case "order":
            return str(payload["key"])
        case "follower":
            return by_hand[payload["run"]["id"]]
        case "child":
            return by_hand[run.parent_run_id]
        case _:
            return by_hand.get(run.id, name)


def described(run: pb.WorkflowRun) -> Any:
    """All that two plays have in common. Of the event that a follower begins with its run says enough."""
    told = plain(run)
    if "run" in run.input_payload.fields:
        del told["inputPayload"]
    return scrubbed(told)


# --- the two plays ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def stage(databases: Databases, template: str) -> AsyncIterator[tuple[World, Ledger, EmbeddedNats]]:
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(databases.copied(template, f"rough_{uuid4().hex}"))
        bus = stack.enter_context(EmbeddedNats())
        database = await stack.enter_async_context(ledger(dsn))
        yield await stack.enter_async_context(world(dsn, bus.url, rough_load.script(), SETTINGS)), database, bus


async def test_a_rough_bus_changes_nothing(
    databases: Databases, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(databases, template) as (quiet_world, database, _):
        quiet = await Play(quiet_world, database, Quiet(quiet_world)).through()
    async with stage(databases, template) as (rough_world, database, bus):
        courier = Rough(rough_world, bus, Random(SEED), Random(SEED))
        async with courier.among_siblings(monkeypatch):
            rough = await Play(rough_world, database, courier).through()

    assert differences(quiet.runs, rough.runs) == {}
    assert {len(runs) for runs in rough.runs.values()} == {1}
    assert len(rough.runs) == ALL
    for end in (quiet, rough):
        assert {reason for _, reason in end.letters} == set(POISON)
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in end.recorded.values())
        assert end.published == end.recorded
    assert quiet.letters == rough.letters
    assert rough.lost <= rough.asked
    check_faults(courier)


def check_faults(courier: Rough) -> None:
    faults = courier.faults
    once = ("killed", "wiped", "sent again", "late", "overtaken", "reported twice", "ticked twice")
    assert all(faults[name] for name in once), faults
    assert min(faults["twice under one id"], faults["twice under a new id"]) >= 5, faults
    assert faults["lost objectives_changes"] >= HELD, faults
    assert faults["lost approvals_events"] >= ASKED, faults


def differences(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, Any]:
    """By key, so that a failure shows what differs and not all that is alike."""
    return {key: (one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)}
