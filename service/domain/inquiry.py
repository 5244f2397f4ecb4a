"""What operators ask about runs and are told, beside the runs themselves: plain values for the edge and the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.explain import Explained, Tried
from service.domain.state import Run, RunState, StepState


@dataclass(frozen=True, slots=True)
class Explanation:
    """A run, what it waits for, and the calls it owes."""

    run: Run
    explained: Explained
    owed: Sequence[Tried]


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One change of a run. `published_at` is None until the bus has taken it."""

    sequence: int
    aggregate: str
    operation: str
    step_id: str
    actor: str
    cause: str
    recorded_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunAudit:
    """A report that changed nothing, and why. Ids grow with time."""

    id: int
    step_id: str
    command: str
    reason: str
    message: str
    actor: str
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after some sequence, oldest first; `ended` when the run has ended and none follow for now."""

    events: Sequence[RunEvent]
    ended: bool


@dataclass(frozen=True, slots=True)
class History:
    events: Sequence[RunEvent]
    audits: Sequence[RunAudit]


@dataclass(frozen=True, slots=True)
class RunSearch:
    """Empty values and None match everything; what is given must all match. With `step_states`, some step is in one of
    them, or the step `step_id` is. `before_id` leaves out that run and all that are newer."""

    workspace_id: str | None
    definition_id: str = ""
    definition_version: int = 0
    states: tuple[RunState, ...] = ()
    entity_id: str = ""
    entity_type: str = ""
    initiator_agent_id: str = ""
    initiator_user_id: str = ""
    parent_run_id: str = ""
    failure_reason: str = ""
    tag: str = ""
    started_from: datetime | None = None
    started_before: datetime | None = None
    step_id: str = ""
    step_states: tuple[StepState, ...] = ()
    before_id: str = ""


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run without its steps and payloads, its failure's message cut; `open_step_ids` are the first twenty."""

    run: Run
    open_step_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Newest first; `more` tells whether older ones match as well."""

    runs: Sequence[FoundRun]
    more: bool
