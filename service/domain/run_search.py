"""Which runs somebody looks for, and what is found.

Parsed by the edge, made SQL by the store; controls of many runs at once choose them in the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.state import Run, RunState, StepState


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Empty text and None match everything; what is given must all match."""

    workspace_id: str | None
    definition_id: str
    state: RunState | None
    entity_id: str
    initiator_agent_id: str


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
class FoundRuns:
    """Newest first; `more` tells whether older ones match as well."""

    runs: Sequence[FoundRun]
    more: bool
