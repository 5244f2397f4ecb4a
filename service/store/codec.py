"""Values to rows and back, exactly.

Rows travel to PostgreSQL as JSON whose keys are column names. Money is written as a string and read as one, so that no
float ever touches it; times are ISO with offset; bytes are PostgreSQL's hex. A step is a dataclass whose fields are its
columns, so it is written as it stands, once, and the same bytes serve its row and its event. So is a task.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from service.domain.definition import StepType, TriggerType
from service.domain.paging import Page
from service.domain.state import Run, RunState, StepRun, StepState, Task, TaskStatus

RUN_COLUMNS = (
    "id",
    "workspace_id",
    "definition_id",
    "definition_version",
    "state",
    "trigger_type",
    "trigger_event_id",
    "initiator_agent_id",
    "initiator_user_id",
    "parent_run_id",
    "parent_step_id",
    "parent_attempt",
    "depth",
    "chain",
    "entity_id",
    "entity_type",
    "input_payload",
    "output_payload",
    "total_cost_usd",
    "failure_reason",
    "failure_message",
    "started_at",
    "completed_at",
    "deadline_at",
    "pauses",
    "parent_word",
    "compensation",
    "forked_from",
    "forked_step",
    "max_seconds",
    "schema_revision",
    "version",
    "sequence",
)
"""The columns that are fields of a Run, in the order in which the queries name them."""

MOVING_COLUMNS = (
    "state",
    "output_payload",
    "total_cost_usd",
    "failure_reason",
    "failure_message",
    "started_at",
    "completed_at",
    "deadline_at",
    "pauses",
    "compensation",
)
"""Those that change in the life of a run, beside its counters."""

TOLD_COLUMNS = tuple(column for column in RUN_COLUMNS if column not in ("version", "parent_word"))
"""What an event tells of a run: all but the counters that also move when nothing is told."""

_TASK_TIMES = ("due_at", "remind_at", "opened_at", "closed_at")
_NO_ALARMS: Mapping[str, str] = {}

T = TypeVar("T")


def dumps(value: object) -> bytes:
    return orjson.dumps(value, default=_default)


def text(value: object) -> str:
    """JSON as PostgreSQL is sent it."""
    return dumps(value).decode()


def _default(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class StepCodec:
    """Encodes each step of one decision once; identity suffices, steps are immutable and held by the decision."""

    def __init__(self) -> None:
        self._done: dict[int, orjson.Fragment] = {}

    def one(self, step: StepRun) -> orjson.Fragment:
        found = self._done.get(id(step))
        if found is None:
            found = self._done[id(step)] = orjson.Fragment(dumps(step))
        return found

    def all(self, steps: Sequence[StepRun]) -> list[orjson.Fragment]:
        return [self.one(step) for step in steps]


# --- reading -----------------------------------------------------------------------------------------------------


def optional(parse: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else parse(value)


def page_of(rows: Sequence[tuple[Any, ...]], one: Callable[[tuple[Any, ...]], T]) -> Page[T]:
    """A list's first column is the total; an empty page is one row with nothing beside it."""
    return Page([one(row[1:]) for row in rows if row[1] is not None], rows[0][0])


def step_of(column: Mapping[str, Any]) -> StepRun:
    """A step from its row as JSON."""
    return StepRun(
        **{
            **column,
            "step_type": StepType(column["step_type"]),
            "state": StepState(column["state"]),
            "cost_usd": Decimal(column["cost_usd"]),
            "settled_cost_usd": Decimal(column["settled_cost_usd"]),
            "started_at": optional(datetime.fromisoformat, column["started_at"]),
            "completed_at": optional(datetime.fromisoformat, column["completed_at"]),
            "deadline_at": optional(datetime.fromisoformat, column["deadline_at"]),
            "retry_at": optional(datetime.fromisoformat, column["retry_at"]),
            "alarms": {name: datetime.fromisoformat(at) for name, at in column.get("alarms", _NO_ALARMS).items()},
        }
    )


def steps_of(rows: Sequence[Mapping[str, Any]] | None) -> dict[str, StepRun]:
    """Steps by their ids, or items by their keys; None is no rows."""
    return {row["step_id"]: step_of(row) for row in rows or ()}


def task_of(column: Mapping[str, Any]) -> Task:
    """A task from its row as JSON."""
    moments = {name: optional(datetime.fromisoformat, column[name]) for name in _TASK_TIMES}
    return Task(**{**column, **moments, "status": TaskStatus(column["status"])})


def tasks_of(rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Task]:
    return {row["step_id"]: task_of(row) for row in rows or ()}


def run_of(columns: Sequence[Any], **details: Any) -> Run:
    """A run from the columns of RUN_COLUMNS as psycopg gives them; `details` are steps, items and tasks."""
    found = dict(zip(RUN_COLUMNS, columns, strict=True))
    found["state"] = RunState(found["state"])
    found["trigger_type"] = TriggerType(found["trigger_type"])
    found["chain"] = tuple(found["chain"])
    return Run(**found, **details)


def moving_of(column: Mapping[str, Any]) -> dict[str, Any]:
    """The moving columns of a run from JSON, those that are there."""
    parsers: Mapping[str, Callable[[Any], Any]] = {
        "state": RunState,
        "total_cost_usd": Decimal,
        "started_at": datetime.fromisoformat,
        "completed_at": datetime.fromisoformat,
        "deadline_at": datetime.fromisoformat,
    }
    return {key: optional(parsers.get(key, _same), value) for key, value in column.items()}


def run_of_json(column: Mapping[str, Any], steps: Mapping[str, StepRun]) -> Run:
    """A run from its row as JSON. A row of earlier days says nothing of its chain."""
    found = moving_of(column)
    found["trigger_type"] = TriggerType(found["trigger_type"])
    found["chain"] = tuple(found.get("chain", ()))
    return Run(**found, steps=steps)


def _same(value: Any) -> Any:
    return value
