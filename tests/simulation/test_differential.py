"""The same random deeds done to both stores have the same answers, one after the other.

Where a behaviour was not thought of in `test_conformance`, this meets it: right and stale versions, tokens that hold
and that do not, causes, waits and events in every order.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from service.domain.bus_event import BusEvent
from service.domain.decision import Decision, Guard, Postponed, Wait
from service.domain.definition import StepType
from service.domain.state import Run, StepState
from service.engine.ports.events import Kept
from service.engine.ports.failures import StaleRun
from service.engine.ports.outbox import Unpublished
from service.engine.ports.runs import Applied, Snapshot, Started
from service.engine.ports.work import DueRun, Work
from tests.builders import step, version
from tests.simulation.conftest import Stores, simulated_stores
from tests.simulation.seeds import seeds
from tests.store.decisions import NOW, START_TRACE, STEP_TRACE, effect, key_of, moved, run, started, untold

HOUR, OVER = 3600.0, 0.0
LONG_AGO, FAR_AWAY = NOW - timedelta(days=1), NOW + timedelta(days=36500)
DEEDS = 400
ADDRESSES = ("event:x.>", "event:x.y", "event:*.y", "event:z", "objective:o1")
WAITS = [Wait(step_id, address) for step_id in "abc" for address in ADDRESSES]

Ask = Callable[[Stores], Awaitable[Any]]


class Deeds:
    """What is known of the runs, the work and the events so far; both stores agreed on it."""

    def __init__(self, seed: int, stores: tuple[Stores, Stores]) -> None:
        self.random = Random(seed)
        self.stores = stores
        self.runs: list[Run] = []
        self.work: list[Work] = []
        self.kept: list[Kept] = []
        self.count = 0

    async def any(self) -> None:
        deeds = [self.apply] * 5 + [self.begin, self.claim, self.load, self.keep, self.route, self.look, self.publish]
        await self.random.choice(deeds if self.runs else [self.begin])()

    async def both(self, ask: Ask) -> Any:
        """What both answer; None when both say that it is stale."""
        answers = [await _answer(ask, stores) for stores in self.stores]
        assert _plain(answers[0]) == _plain(answers[1])
        return answers[0]

    # --- deeds -----------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        begun, lease = run(deadline_at=self.random.choice([LONG_AGO, FAR_AWAY])), self.lease()
        owed = (effect(self.name()), effect(self.name()))
        decision, key = started(begun, owed=owed), key_of(begun, self.random.choice("abcdefgh"))
        answer = await self.both(lambda to: to.runs.start(key, decision, _requests(decision), lease))
        if answer.fresh:
            self.runs.append(replace(begun, version=1))

    async def apply(self) -> None:
        place, lease = self.random.randrange(len(self.runs)), self.lease()
        known = self.runs[place]
        before = replace(known, version=known.version - (self.random.random() < 0.1))
        decision = self.decision(before)
        answer = await self.both(lambda to: to.runs.apply(decision, _requests(decision), lease))
        if answer is not None:
            self.runs[place] = replace(decision.run, version=answer.version)

    def decision(self, before: Run) -> Decision:
        opened, closed = self.random.sample(WAITS, 2)  # no rule opens and closes one wait at once
        parts: dict[str, Any] = {
            "owed": self.some(replace(effect(self.name()), delay_seconds=self.random.choice([0.0, HOUR]))),
            "opened": self.some(opened),
            "closed": self.some(closed),
            "guards": self.some(Guard(f"rpc:{self.random.randrange(30)}", b"digest")),
            **self.answered(before),
        }
        left = [key for key, found in before.steps.items() if found.state is StepState.PENDING]
        return moved(before, self.random.choice(left), **parts) if left and self.often() else untold(before, **parts)

    def answered(self, before: Run) -> dict[str, Any]:
        mine = [work.effect for work in self.work if work.run_id == before.id]
        if not mine or self.often():
            return {}
        chosen = self.random.choice(mine)
        late = Postponed(chosen, self.random.choice([1e-6, HOUR]), "no")
        return {"settled": (chosen,)} if self.often() else {"postponed": (late,)}

    async def claim(self) -> None:
        lease = self.lease()
        self.work += await self.both(lambda to: to.work.claim_effects(1000, lease))
        await self.both(lambda to: to.work.claim_due_runs(1000, lease))

    async def load(self) -> None:
        chosen = self.random.choice(self.runs)
        effects = [work.effect for work in self.work if work.run_id == chosen.id]
        causes = [f"rpc:{number}" for number in range(30)]
        await self.both(lambda to: to.runs.load(chosen.id, causes, effects))
        sequence = self.random.randint(1, chosen.sequence)
        await self.both(lambda to: to.runs.run_at(chosen.id, sequence))

    async def keep(self) -> None:
        events = [self.event() for _ in range(self.random.randint(1, 3))]
        self.kept += await self.both(lambda to: to.events.keep(events))

    async def route(self) -> None:
        chosen = [item for item in self.kept if self.often()][-3:]
        self.work += await self.both(lambda to: to.events.route(_once(chosen), HOUR))

    async def look(self) -> None:
        chosen, waits = self.random.choice(self.runs), self.random.sample(WAITS, 2)
        self.work += await self.both(lambda to: to.events.look(chosen.id, "ws_1", waits, HOUR))

    async def publish(self) -> None:
        shards = [*range(0, 32, self.random.choice([1, 3]))]
        await self.both(lambda to: to.outbox.hold_shards("me", HOUR))
        changes = await self.both(lambda to: to.outbox.unpublished(shards, 10_000))
        told = [(change.stream, change.sequence) for change in changes[: self.random.randrange(10)]]
        await self.both(lambda to: to.outbox.mark_published(told))

    # --- small things ----------------------------------------------------------------------------------------------

    def lease(self) -> float:
        return self.random.choice([HOUR, OVER])

    def often(self) -> bool:
        return self.random.random() < 0.6

    def some(self, value: Any) -> tuple[Any, ...]:
        return (value,) if self.random.random() < 0.4 else ()

    def event(self) -> BusEvent:
        name, kind = self.random.randrange(15), self.random.choice(["x.y", "x.y.z", "z", "other"])
        payload, trace = {"n": self.random.choice([1, 1, 1, 2])}, self.random.choice(["", START_TRACE, STEP_TRACE])
        return BusEvent(f"{kind}/{name}", "tap", kind, "ws_1", payload=payload, trace=trace)

    def name(self) -> str:
        self.count += 1
        return f"a/{self.count}/x"


async def _answer(ask: Ask, stores: Stores) -> Any:
    try:
        return await ask(stores)
    except StaleRun:
        return None


def _requests(decision: Decision) -> dict[str, bytes]:
    return {each.id: b"bytes" for each in decision.owed}


def _once(kept: list[Kept]) -> list[Kept]:
    return [*{item.event.id: item for item in kept}.values()]


def _plain(answer: Any) -> Any:
    """Without clocks, and in an order of its own where a store may choose one."""
    match answer:
        case Snapshot(found, _, seen, held):
            return found, seen, held
        case Applied(number):
            return number
        case Started(run_id, digest, fresh, sequence):
            return run_id, digest, fresh, sequence
        case [DueRun(), *_]:
            return sorted((due.run_id, due.trace) for due in answer)
        case [Work(), *_]:
            return sorted(
                (work.run_id, work.effect.id, work.effect.token, work.effect.tries, work.trace) for work in answer
            )
        case [Unpublished(), *_]:
            mine = (change for change in answer if change.aggregate in ("run", "step"))  # definitions tell nothing here
            return sorted(
                (change.stream, change.sequence, change.operation, change.actor, change.trace) for change in mine
            )
        case [Kept(), *_]:
            return [(kept.event, kept.fate, kept.awaited) for kept in answer]
        case _:
            return answer


@pytest.mark.parametrize("seed", seeds(2))
async def test_both_stores_answer_alike(seed: int, postgres_stores: Stores) -> None:
    deeds = Deeds(seed, (simulated_stores(), postgres_stores))
    wait = step("w", StepType.WAIT_FOR_EVENT, event_type_pattern="x.>")
    for stores in deeds.stores:
        await stores.publish(version([wait]), "Waits")
    for _ in range(DEEDS):
        await deeds.any()
    assert deeds.work
    assert deeds.kept
