"""Everything that can happen to a run: one closed set.

Callers' commands are imperative, reports are past tense. Each travels in an `Envelope` that says who acts and what
caused it. A `guarded` cause (an event's id, a caller's idempotency key) is written with the state it changed and makes
a repetition answer like the first time; the answers of effects need none, their row is the guard; the clock needs none,
what is due is in the state.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from service.domain.answers import Answer, Fault
from service.domain.bus_event import BusEvent
from service.domain.definition import Payload, TriggerType
from service.domain.effects import Owed
from service.domain.state import RunState, StepState


@dataclass(frozen=True, slots=True)
class StartRun:
    """Begins a run. The id is chosen by the caller of `decide`; the start key that fences it is the store's.

    `max_seconds` bounds the run beside its version's timeout; 0 is no bound.
    """

    run_id: str
    trigger_type: TriggerType
    input_payload: Payload
    trigger_event_id: str = ""
    initiator_agent_id: str = ""
    initiator_user_id: str = ""
    parent_run_id: str = ""
    parent_step_id: str = ""
    parent_attempt: int = 0
    depth: int = 1
    chain: tuple[str, ...] = ()
    entity_id: str = ""
    entity_type: str = ""
    max_seconds: int = 0


OURSELVES = "service:workflows"
"""Who acts where nobody asked: the clock, an answer, a run that speaks to another, a policy."""
CALLER, PARENT = "caller", "parent"
"""Who can have paused a run."""


@dataclass(frozen=True, slots=True)
class PauseRun:
    """`word` numbers what a parent says, so that its older word never overrides its newer one."""

    reason: str
    source: str = CALLER
    word: int = 0


@dataclass(frozen=True, slots=True)
class ResumeRun:
    source: str = CALLER
    word: int = 0


@dataclass(frozen=True, slots=True)
class CancelRun:
    reason: str


@dataclass(frozen=True, slots=True)
class CompensateRun:
    """Undoes what was done. Only a parent may have a run undone that COMPLETED."""

    reason: str
    by_parent: bool = False


@dataclass(frozen=True, slots=True)
class RetryStep:
    """An operator has a FAILED step of a FAILED run tried again."""

    step_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SkipStep:
    """An operator does without a step: a FAILED one of a FAILED run, or one that has not started."""

    step_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ForkRun:
    """Begins a run from what another one did before a step; that step and all after it begin anew.

    `max_seconds` as of StartRun.
    """

    run_id: str
    step_id: str
    reason: str
    max_seconds: int = 0


@dataclass(frozen=True, slots=True)
class TransitionStep:
    """An agent, a person or an orchestrator reports on a step. Empty text means not said; `None` likewise."""

    step_id: str
    state: StepState
    objective_id: str = ""
    agent_id: str = ""
    delegation_id: str = ""
    approval_request_id: str = ""
    governance_decision: str = ""
    event_id: str = ""
    notification_id: str = ""
    output_payload: Payload | None = None
    error_message: str = ""
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ClaimTask:
    """`version` of every command to a task is the one its sender saw; 0 means any. `user_id` is the person who acts."""

    step_id: str
    version: int
    user_id: str


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    step_id: str
    version: int
    user_id: str


@dataclass(frozen=True, slots=True)
class ReassignTask:
    """Gives an open task to a person, a group, or both; whoever had claimed it has it no longer."""

    step_id: str
    version: int
    user_id: str
    assignee: str
    group: str


@dataclass(frozen=True, slots=True)
class CommentTask:
    step_id: str
    version: int
    user_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CompleteTask:
    step_id: str
    version: int
    user_id: str
    output: Payload


@dataclass(frozen=True, slots=True)
class RejectTask:
    step_id: str
    version: int
    user_id: str
    reason: str


TaskCommand: TypeAlias = ClaimTask | ReleaseTask | ReassignTask | CommentTask | CompleteTask | RejectTask


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """A child run reached `state`, or its cost changed after that.

    `undone` is `done` or `failed` when its own compensation has come to its end, else empty.
    """

    step_id: str
    attempt: int
    child_run_id: str
    state: RunState
    output: Payload
    cost_usd: Decimal
    reason: str = ""
    message: str = ""
    undone: str = ""


@dataclass(frozen=True, slots=True)
class EffectSucceeded:
    effect: Owed
    answer: Answer


@dataclass(frozen=True, slots=True)
class EffectFailed:
    effect: Owed
    fault: Fault


@dataclass(frozen=True, slots=True)
class EventArrived:
    """An event was routed to this run; `effect` is the delivery that is hereby done."""

    effect: Owed
    event: BusEvent
    received_at: datetime


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The clock reached the run's `wake_at`; what is due is read off the state."""


ControlCommand: TypeAlias = PauseRun | ResumeRun | CancelRun | CompensateRun | RetryStep | SkipStep
Command: TypeAlias = (
    StartRun
    | ForkRun
    | TransitionStep
    | TaskCommand
    | ControlCommand
    | ChildEnded
    | EffectSucceeded
    | EffectFailed
    | EventArrived
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command with its actor (`user:ann`, `agent:sdr`, `service:workflows`) and its cause (`rpc:...`, `event:...`).

    `digest` is a hash of the body where the cause is guarded: the same cause with another digest is a conflict.
    `trace` is the trace that the cause belongs to (see `trace`); what the command brings about goes on with it.
    """

    command: Command
    actor: str
    cause: str
    guarded: bool = False
    digest: bytes = b""
    trace: str = ""
