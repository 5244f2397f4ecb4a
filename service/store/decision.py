"""A decision as the one JSON document that its apply sends, and the statement that writes some documents together.

Keys are the names that `sql/queries/runs.sql` reads. An arm for which no document has rows is not sent.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.domain.decision import Decision, Event, Postponed
from service.domain.effects import Effect, Owed
from service.domain.state import Run, RunState, StepRun
from service.store.codec import MOVING_COLUMNS, TOLD_COLUMNS, StepCodec, dumps
from service.store.queries import joined

SHARDS = 32


def shard_of(stream_id: str) -> int:
    """Which relay publishes the changes of a stream; the same in every process and for ever."""
    return zlib.crc32(stream_id.encode()) % SHARDS


class DecisionDocument:
    """What one apply or start writes, every step encoded at most once.

    `key` is the row that a start has to win. `order` is the same in every process, for those who write several.
    """

    def __init__(
        self,
        decision: Decision,
        requests: Mapping[str, bytes],
        lease_seconds: float,
        key: Mapping[str, Any] | None = None,
    ) -> None:
        self._decision = decision
        self._steps = StepCodec()
        self.starts = key is not None
        self.order = f"{key['workspace_id']}/{key['scope']}/{key['key']}" if key else decision.run.id
        self._always = {
            "id": decision.run.id,
            "version": decision.before.version if decision.before else 0,
            "key": key,
            "run": _moving_row(decision.run) if decision.before else _new_row(decision.run),
            "known": len(decision.before.steps) if decision.before else 0,
            "shard": shard_of(decision.run.id),
            "lease": lease_seconds,
        }
        self._rows: dict[str, Any] = {
            **self._step_rows(),
            "items": decision.changed_items,
            "tasks": decision.changed_tasks,
            "interactions": decision.interactions,
            "changes": self._changes(),
            "effects": [_effect_row(effect, requests) for effect in decision.owed],
            "settled": [owed.id for owed in decision.settled],
            "postponed": [_postponed_row(late) for late in decision.postponed],
            "opened": decision.opened,
            "closed": decision.closed,
            "causes": decision.guards,
            "audits": decision.audits,
        }
        self._held = [_held_row(owed) for owed in _answered(decision)]

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that have rows."""
        return tuple(f"apply_{name}" for name, rows in self._rows.items() if rows)

    @property
    def holds(self) -> bool:
        """Whether effects are answered, so that their tokens have to hold."""
        return bool(self._held)

    def data(self) -> bytes:
        rows = {name: rows for name, rows in self._rows.items() if rows}
        return dumps({**self._always, **rows, "held": self._held})

    def _step_rows(self) -> dict[str, Any]:
        known = self._decision.before.steps if self._decision.before else {}
        changed = self._decision.changed_steps
        return {
            "steps": self._steps.all([step for step in changed if step.step_id in known]),
            "added": self._steps.all([step for step in changed if step.step_id not in known]),
        }

    def _changes(self) -> list[dict[str, Any]]:
        found, before = [], self._decision.before
        for event in self._decision.events:
            found.append(self._change_row(event, before or event.run))
            before = event.run
        return found

    def _change_row(self, event: Event, before: Run) -> dict[str, Any]:
        return {
            "sequence": event.sequence,
            "aggregate": event.aggregate,
            "operation": event.operation,
            "step_id": event.step.step_id if event.step else "",
            "recorded_at": event.recorded_at,
            "actor": event.actor,
            "cause": event.cause,
            "trace": event.trace,
            "data": self._about_step(event.step, event.run, before) if event.step else self._about_run(event.run),
        }

    def _about_run(self, run: Run) -> dict[str, Any]:
        told = {"run": _columns(run, TOLD_COLUMNS), "steps": self._steps.all(tuple(run.steps.values()))}
        return {**told, "drained": run.drained} if run.state is RunState.PAUSED else told

    def _about_step(self, step: StepRun, run: Run, before: Run) -> dict[str, Any]:
        moved = [column for column in MOVING_COLUMNS if _differ(getattr(run, column), getattr(before, column))]
        return {
            "step": self._steps.one(step),
            "workflow_state": run.state,
            "workflow_total_cost_usd": run.total_cost_usd,
            "run": _columns(run, moved),
        }


def statement(documents: Sequence[DecisionDocument]) -> bytes:
    """With the arms that any of them needs. Starts and applies do not mix."""
    held = "apply_held" if any(document.holds for document in documents) else "apply_free"
    first = ("start_key", "start_fence") if documents[0].starts else (held, "apply_fence")
    arms = sorted({arm for document in documents for arm in document.arms})
    return joined(("apply_docs", *first, *arms), "apply_done")


def array(documents: Sequence[DecisionDocument]) -> str:
    """What that statement takes; its rows are numbered by the places in here, from 1."""
    return f"[{','.join(document.data().decode() for document in documents)}]"


def _columns(run: Run, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(run, name) for name in names}


def _moving_row(run: Run) -> dict[str, Any]:
    counters = _columns(run, ("sequence", "parent_word"))
    return {**_columns(run, MOVING_COLUMNS), **counters, "wake_at": run.wake_at}


def _new_row(run: Run) -> dict[str, Any]:
    return {**_columns(run, TOLD_COLUMNS), "wake_at": run.wake_at}


def _effect_row(effect: Effect, requests: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "effect_id": effect.id,
        "step_id": effect.step_id,
        "attempt": effect.attempt,
        "kind": effect.kind,
        "request": requests[effect.id],
        "delay": effect.delay_seconds,
        "trace": effect.trace,
    }


def _postponed_row(late: Postponed) -> dict[str, Any]:
    return {"effect_id": late.effect.id, "delay": late.delay_seconds, "last_error": late.error}


def _held_row(owed: Owed) -> dict[str, Any]:
    return {"effect_id": owed.id, "lease_token": owed.token}


def _answered(decision: Decision) -> list[Owed]:
    return [*decision.settled, *(late.effect for late in decision.postponed)]


def _differ(one: object, other: object) -> bool:
    return one is not other and one != other
