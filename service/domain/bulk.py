"""Controls of many runs at once: which runs one applies to, what it tells each of them, and what came of it.

A control is the ordinary command to every run that is chosen. Which runs a page is about is settled before the first of
them changes, oldest first, so that a parent is told before the runs it began; runs that start after the first page was
chosen are nobody's target. Called by the edge, and by the store for the runs that are chosen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from service.domain.commands import CancelRun, ControlCommand, PauseRun, ResumeRun
from service.domain.errors import conflict
from service.domain.run_search import RunSearch
from service.domain.state import RunState


class Control(StrEnum):
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    CANCEL = "CANCEL"


APPLIES: Mapping[Control, frozenset[RunState]] = {
    Control.PAUSE: frozenset({RunState.RUNNING}),
    Control.RESUME: frozenset({RunState.PAUSED}),
    Control.CANCEL: frozenset(state for state in RunState if not state.terminal),
}


class ControlOutcome(StrEnum):
    CHANGED = "CHANGED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many runs match, and the newest of them."""

    matched: int
    last_id: str


@dataclass(frozen=True, slots=True)
class Target:
    """A run as it was when it was chosen."""

    run_id: str
    state: RunState
    sequence: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """A page of the runs that a control is for; `last_id` is the newest run of all its pages."""

    matched: int
    last_id: str
    targets: Sequence[Target]
    more: bool


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """What to do with which runs. `after_id` and `last_id` are those of the page before, empty for the first.

    `at_most` 0 is no bound.
    """

    wanted: RunSearch
    control: Control
    reason: str
    dry_run: bool
    at_most: int
    page_size: int
    after_id: str = ""
    last_id: str = ""


@dataclass(frozen=True, slots=True)
class Controlled:
    """What became of one run. `outcome` is None when nothing was done; `reason` and `message` tell why it refused."""

    run_id: str
    state: RunState
    outcome: ControlOutcome | None = None
    reason: str = ""
    message: str = ""


def command(control: Control, reason: str) -> ControlCommand:
    match control:
        case Control.PAUSE:
            return PauseRun(reason)
        case Control.RESUME:
            return ResumeRun()
        case Control.CANCEL:
            return CancelRun(reason)


def targeted(wanted: RunSearch, control: Control) -> RunSearch | None:
    """The search for the runs that match and that the control applies to; None when there can be none."""
    asked = frozenset(wanted.states) or frozenset(RunState)
    states = tuple(state for state in RunState if state in asked & APPLIES[control])
    return replace(wanted, states=states) if states else None


def unbounded(wanted: RunSearch) -> bool:
    """Whether a search leaves out no run but by its state."""
    return replace(wanted, states=()) == RunSearch(None)


def check_few(matched: int, at_most: int) -> None:
    """Raises Refusal when more match than the caller expects."""
    if 0 < at_most < matched:
        raise conflict("too_many_runs", f"{matched} runs match, which is more than {at_most}")


def refused(target: Target, reason: str, message: str) -> Controlled:
    return Controlled(target.run_id, target.state, ControlOutcome.REFUSED, reason, message)
