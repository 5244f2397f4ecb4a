"""The two tables that say what may become what. What is not in them cannot happen.

`Turn` consults them at every change of state, so no rule elsewhere can bring about an edge that is missing here. The
diagrams in ARCHITECTURE.md are drawn from them.
"""

from collections.abc import Mapping
from typing import TypeVar

from service.domain.state import RunState, StepState

R, S = RunState, StepState

RUN: Mapping[RunState, frozenset[RunState]] = {
    R.PENDING: frozenset({R.RUNNING, R.CANCELLED}),
    R.RUNNING: frozenset({R.PAUSED, R.COMPLETED, R.FAILED, R.CANCELLED}),
    R.PAUSED: frozenset({R.RUNNING, R.FAILED, R.CANCELLED}),
    R.FAILED: frozenset({R.COMPENSATING, R.RUNNING}),
    R.CANCELLED: frozenset({R.COMPENSATING}),
    R.COMPENSATING: frozenset({R.FAILED, R.CANCELLED, R.COMPLETED}),
    # COMPLETED -> COMPENSATING: a child run that completed is undone with its parent.
    R.COMPLETED: frozenset({R.COMPENSATING}),
}

STEP: Mapping[StepState, frozenset[StepState]] = {
    # PENDING -> FAILED: a step in backoff whose run fails meanwhile ends with its last error.
    S.PENDING: frozenset({S.RUNNING, S.WAITING, S.SKIPPED, S.CANCELLED, S.FAILED}),
    S.RUNNING: frozenset({S.WAITING, S.COMPLETED, S.FAILED, S.CANCELLED, S.PENDING}),
    S.WAITING: frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.PENDING}),
    S.COMPLETED: frozenset({S.COMPENSATED}),
    S.FAILED: frozenset({S.PENDING, S.COMPENSATED}),
    S.CANCELLED: frozenset({S.PENDING, S.COMPENSATED}),
    S.SKIPPED: frozenset(),
    S.COMPENSATED: frozenset(),
}

State = TypeVar("State", RunState, StepState)


class IllegalTransition(Exception):
    """A rule tried what the tables forbid: a fault of the rule, never of a caller."""


def check(table: Mapping[State, frozenset[State]], before: State, after: State) -> None:
    """Staying in a state is no transition and always allowed."""
    if after is not before and after not in table[before]:
        raise IllegalTransition(f"{before} may not become {after}")
