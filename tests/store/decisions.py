"""Decisions made by hand: what the store is told to write, without the rules that would have led there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from service.domain.calls import CancelObjective
from service.domain.decision import Decision, Event
from service.domain.definition import StepType, TriggerType
from service.domain.effects import Effect, Owed
from service.domain.start_keys import StartKey
from service.domain.state import Run, RunState, StepRun, StepState
from service.store.runs import Runs

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
LEASE = 30.0
START_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 vendor=t61rcWkgMzE"
STEP_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_numbers = count(1)


def run(**fields: Any) -> Run:
    names = ("a", "b", "c")
    steps = {name: StepRun(name, name.title(), StepType.HUMAN_TASK) for name in names}
    plain: dict[str, Any] = {
        "id": f"wfr_{next(_numbers):06}",
        "workspace_id": "ws_1",
        "definition_id": "wf_1",
        "definition_version": 1,
        "state": RunState.RUNNING,
        "trigger_type": TriggerType.MANUAL,
        "steps": steps,
        "input_payload": {"lead": "Ünï 'quoted' \\ \u202e", "deal": 85000.5},
        "started_at": NOW,
        "deadline_at": NOW + timedelta(days=7),
        "sequence": 1,
    }
    return Run(**(plain | fields))


def started(begun: Run, **parts: Any) -> Decision:
    event = Event(1, "run", "started", NOW, "user:ann", "rpc:1", begun, trace=START_TRACE)
    return Decision(None, begun, (), (event,), **parts)


def key_of(begun: Run, key: str = "", digest: bytes = b"body") -> StartKey:
    return StartKey(begun.workspace_id, "rpc:user:ann", key or begun.id, digest)


async def store(runs: Runs, begun: Run | None = None, **parts: Any) -> Run:
    """A run that is in the database, as its first reader knows it."""
    begun = begun or run()
    requests = {effect.id: b"bytes" for effect in parts.get("owed", ())}
    await runs.start(key_of(begun), started(begun, **parts), requests, LEASE)
    return replace(begun, version=1)


def moved(before: Run, step_id: str = "a", cost: str = "0.034", **parts: Any) -> Decision:
    """One step completes; what else the decision says is in `parts`."""
    step = replace(
        before.steps[step_id],
        state=StepState.COMPLETED,
        attempt=1,
        output_payload={"score": 0.1},
        cost_usd=Decimal(cost),
        completed_at=NOW,
    )
    after = replace(
        before,
        steps={**before.steps, step_id: step},
        total_cost_usd=before.total_cost_usd + Decimal(cost),
        sequence=before.sequence + 1,
    )
    event = Event(after.sequence, "step", "completed", NOW, "user:ann", "rpc:2", after, step, STEP_TRACE)
    return Decision(before, after, (), (event,), **parts)


def untold(before: Run, **parts: Any) -> Decision:
    """Nothing of the run changes, only what is beside it."""
    return Decision(before, before, (), **parts)


def effect(effect_id: str = "a/1/cancel") -> Effect:
    return Effect(effect_id, "a", 1, CancelObjective("obj_1", "no longer wanted"), trace=STEP_TRACE)


def owed(effect_id: str = "a/1/cancel", token: int = 1) -> Owed:
    return Owed(effect_id, "a", 1, "CancelObjective", token)
