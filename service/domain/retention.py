"""How long ended runs are kept: policies, what they come to for a workspace, and what a purge is asked and tells.

The most specific policy counts: workspace and state, then workspace, then state for everyone, then everyone, then the
service's own setting. A policy of 0 seconds keeps for ever, so a workspace can be an exception from what holds for all.
A run goes together with its family, the runs that it started and theirs, and the end state of the family's head
decides: a child is part of its parent's history.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE

MOST_SECONDS = 100 * 366 * 86_400
"""A hundred years: a longer age is a mistake."""

ENDED = tuple(state for state in RunState if state.terminal)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """`workspace_id` may be EVERY_WORKSPACE, `state` None for all; `keep_seconds` 0 is for ever."""

    workspace_id: str
    state: RunState | None
    keep_seconds: int
    set_by: str = ""
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Neither this run nor any of its family is purged."""

    run_id: str
    workspace_id: str
    reason: str
    held_by: str
    held_at: datetime


Cut: TypeAlias = int | datetime
"""What has ended so many seconds ago, on the database's clock, or before that moment, may go."""


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """What of a workspace may go, by the state it ended in; what is not named stays."""

    workspace_id: str
    cuts: Mapping[RunState, Cut]
    by: str


@dataclass(frozen=True, slots=True)
class PurgeRecord:
    """What is left of a batch that was purged: `cuts` as in the order, `runs` how many went."""

    id: int
    workspace_id: str
    purged_at: datetime
    purged_by: str
    cuts: Mapping[RunState, Cut]
    runs: int


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """What a caller wants to go, of one workspace or EVERY_WORKSPACE: at most `limit` runs, but a family goes whole."""

    workspace_id: str
    states: frozenset[RunState]
    cut: Cut
    limit: int
    dry_run: bool = False


class Obstacle(StrEnum):
    """Why a family stays although its head is old enough."""

    ALIVE = "alive"  # a run of it has not ended
    YOUNG = "young"  # a run of it ended later than its head
    HELD = "held"
    OWING = "owing"  # a run of it still owes a call
    UNPUBLISHED = "unpublished"  # a change of it has not reached the bus
    MOVING = "moving"  # a run of it is just being changed, or has a new child


@dataclass(frozen=True, slots=True)
class PurgePosition:
    """Where a walk over the ended runs of a workspace stands."""

    completed_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class PurgedBatch:
    """What one batch removed, how many families stay and why, and where to go on; None at the end."""

    runs: tuple[str, ...] = ()
    left: Counter[Obstacle] = field(default_factory=Counter)
    place: PurgePosition | None = None


def keeps(policies: Iterable[RetentionPolicy], default_seconds: int, workspace_id: str) -> dict[RunState, Cut]:
    """For how many seconds the workspace keeps runs, by the state they ended in; without what it keeps for ever."""
    known = {(policy.workspace_id, policy.state): policy.keep_seconds for policy in policies}
    found = {state: _keep(known, default_seconds, workspace_id, state) for state in ENDED}
    return {state: seconds for state, seconds in found.items() if seconds}


def _keep(
    known: Mapping[tuple[str, RunState | None], int], default_seconds: int, workspace_id: str, state: RunState
) -> int:
    for key in ((workspace_id, state), (workspace_id, None), (EVERY_WORKSPACE, state), (EVERY_WORKSPACE, None)):
        if key in known:
            return known[key]
    return default_seconds
