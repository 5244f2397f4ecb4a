"""What `decide` answers: the new state, what to tell, what is owed, and one verdict per command.

A decision is the whole of one apply: the store writes it behind the run's fence or not at all. It holds no SQL, no
bytes of the wire and no clock of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from service.domain.definition import Payload
from service.domain.effects import Effect, Owed
from service.domain.errors import Refusal
from service.domain.state import Run, StepRun, Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """One change, numbered within its run. `run` is the state just after it; `step` the step it is about, if any.

    `trace` is the trace of its cause.
    """

    sequence: int
    aggregate: str  # run | step
    operation: str
    recorded_at: datetime
    actor: str
    cause: str
    run: Run
    step: StepRun | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """A report that changed nothing, and why. Kept beside the history, never published."""

    step_id: str
    command: str
    reason: str
    message: str
    actor: str
    cause: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """An effect that will be tried again `delay_seconds` from the apply."""

    effect: Owed
    delay_seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class Wait:
    """A step can be reached at an address (see `waits`)."""

    step_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Interaction:
    """One entry in a run's conversation: what was asked, told or answered, by whom.

    `kind` is question, choice, notice, agent_request, comment or answer; `body` the details as JSON.
    """

    step_id: str
    kind: str
    author: str
    text: str
    body: Payload


@dataclass(frozen=True, slots=True)
class Guard:
    """A cause that has now been taken into account, and the body it came with."""

    cause: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """A guarded cause the run has already taken into account, at which sequence."""

    digest: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Done, or already so; `sequence` is the run's last event after it."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """This very cause was accepted before; `sequence` is where it left the run then."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A report nobody wants any more: settled and audited, the run unchanged."""

    reason: str


Verdict: TypeAlias = Accepted | Repeated | Ignored | Refusal


@dataclass(frozen=True, slots=True)
class Decision:
    before: Run | None
    run: Run
    verdicts: tuple[Verdict, ...]
    events: tuple[Event, ...] = ()
    owed: tuple[Effect, ...] = ()
    settled: tuple[Owed, ...] = ()
    postponed: tuple[Postponed, ...] = ()
    opened: tuple[Wait, ...] = ()
    closed: tuple[Wait, ...] = ()
    guards: tuple[Guard, ...] = ()
    audits: tuple[Audit, ...] = ()
    interactions: tuple[Interaction, ...] = ()

    @property
    def changed_steps(self) -> tuple[StepRun, ...]:
        """The step rows that differ from before; identity suffices, states are immutable."""
        return _changed(self.before.steps if self.before else {}, self.run.steps)

    @property
    def changed_items(self) -> tuple[StepRun, ...]:
        return _changed(self.before.items if self.before else {}, self.run.items)

    @property
    def changed_tasks(self) -> tuple[Task, ...]:
        return _changed(self.before.tasks if self.before else {}, self.run.tasks)

    @property
    def empty(self) -> bool:
        """Nothing to store: every command was refused or repeated."""
        return self.run is self.before and not (
            self.owed or self.settled or self.postponed or self.guards or self.audits or self.interactions
        )


def _changed(before: Mapping[str, T], after: Mapping[str, T]) -> tuple[T, ...]:
    if before is after:
        return ()
    return tuple(value for key, value in after.items() if before.get(key) is not value)
