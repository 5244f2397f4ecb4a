"""What a run owes the world: effects, the calls they carry, and the answers those calls bring.

`decide` asks for an effect; the apply that stores the decision stores its row; the dispatcher performs it under a lease
and comes back with a command. The row is deleted by the apply that records the answer, so its presence is the guard
against answering twice. An effect's id is unique within its run and never used again: step, attempt and kind (and a
discriminator where one attempt may ask twice), and with the run's id it is the idempotency key that siblings see.

`Call` and `Answer` are closed unions: whoever dispatches on them ends with `assert_never`.
"""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import orjson

from service.domain.definition import Payload

# --- calls to siblings -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrepareObjective:
    """What has to be known before an objective is created: who does it, that the skill exists, what the prompt says.

    The agent is the given one or, without one, the least loaded with the capability. `skill_id` and `prompt_name` may
    be empty; a prompt is resolved with the label that the agent's config binds to its name.
    """

    agent_id: str
    capability: str
    skill_id: str
    prompt_name: str


@dataclass(frozen=True, slots=True)
class CreateObjective:
    """`marker` (run/step/attempt) ends the description, so that a creation of unknown outcome can be found again."""

    agent_id: str
    title: str
    description: str
    marker: str


@dataclass(frozen=True, slots=True)
class GetObjective:
    """How far is it? Asked when nothing was heard for long, or a message may have been lost."""

    objective_id: str


@dataclass(frozen=True, slots=True)
class QueryUsage:
    """What the meter has for an objective; asked when nobody else said what it cost."""

    objective_id: str


@dataclass(frozen=True, slots=True)
class CancelObjective:
    objective_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delegate:
    from_agent_id: str
    to_agent_id: str
    required_capability: str
    objective_id: str
    step_id: str
    context: Payload


@dataclass(frozen=True, slots=True)
class GetDelegation:
    delegation_id: str


@dataclass(frozen=True, slots=True)
class RequestApproval:
    """`risk_level` is the sibling's enum name or empty; `context` is what the approver reads."""

    agent_id: str
    approver_user_id: str
    action_type: str
    risk_level: str
    payload: Payload
    context: Payload


@dataclass(frozen=True, slots=True)
class GetApproval:
    """Asks what was really decided; a decision heard elsewhere is only a hint."""

    approval_request_id: str


@dataclass(frozen=True, slots=True)
class EvaluateAction:
    """`context` may hold record_count, currency_amount, currency_code, environment, data_classification."""

    agent_id: str
    action_type: str
    payload: Payload
    context: Payload


@dataclass(frozen=True, slots=True)
class SendNotification:
    """Enum names as the sibling spells them, or empty for its default."""

    recipient_id: str
    channel: str
    priority: str
    category: str
    subject: str
    body: str
    template: str
    variables: Payload


@dataclass(frozen=True, slots=True)
class Deliver:
    """A bus event that was routed to this run; performing it means loading the event and handing it over."""

    source: str
    event_id: str


# --- calls to other runs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartChild:
    """Starts a run as the work of a step; the effect's id is its start key, so there is one child per attempt.

    Either `definition_id` or `name` says what to run; version 0 is the latest. The rest is handed on from the parent.
    """

    definition_id: str
    name: str
    version: int
    input_payload: Payload
    depth: int
    chain: tuple[str, ...]
    initiator_agent_id: str
    initiator_user_id: str
    entity_id: str
    entity_type: str


@dataclass(frozen=True, slots=True)
class PauseChild:
    """`word` is the number of the parent's change that asks for it."""

    run_id: str
    reason: str
    word: int


@dataclass(frozen=True, slots=True)
class ResumeChild:
    run_id: str
    word: int


@dataclass(frozen=True, slots=True)
class CancelChild:
    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CompensateChild:
    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class TellParent:
    """A child run has ended, its cost has changed since, or it was compensated: `state` is the RunState it is in."""

    run_id: str
    step_id: str
    attempt: int
    state: str
    output: Payload
    cost_usd: str
    reason: str
    message: str
    undone: str = ""


SiblingCall: TypeAlias = (
    PrepareObjective
    | CreateObjective
    | GetObjective
    | CancelObjective
    | QueryUsage
    | Delegate
    | GetDelegation
    | RequestApproval
    | GetApproval
    | EvaluateAction
    | SendNotification
)
RunCall: TypeAlias = StartChild | PauseChild | ResumeChild | CancelChild | CompensateChild | TellParent
OwnCall: TypeAlias = RunCall | Deliver
"""What this service does itself; a sibling is asked for everything else."""
Call: TypeAlias = SiblingCall | OwnCall


def encode_own(call: OwnCall) -> bytes:
    """The bytes that are stored with the effect: the call's fields as JSON. Raises TypeError for what has no form."""
    return orjson.dumps(asdict(call), default=dict, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that a run owes, due `delay_seconds` from the apply. The kind is the call's class name.

    `step_id` is the step's id, or an item's key (`each[3]`), or empty for what the run itself owes.
    """

    id: str
    step_id: str
    attempt: int
    call: Call
    delay_seconds: float = 0.0

    @property
    def kind(self) -> str:
        return type(self.call).__name__


@dataclass(frozen=True, slots=True)
class Owed:
    """An effect's row as its holder knows it: the fencing token, and how often it was tried before."""

    id: str
    step_id: str
    attempt: int
    kind: str
    token: int
    tries: int = 0

    @property
    def repeated(self) -> bool:
        """Somebody may have made this call before, with an outcome that nobody knows."""
        return self.token > 1 or self.tries > 0


# --- what comes back ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it was resolved: which version of which name, under which label, and its text."""

    name: str
    label: str
    version: int
    content: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class ObjectivePrepared:
    agent_id: str
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class ObjectiveCreated:
    objective_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    """An objective as its owner has it; `state` is the sibling's enum name without its prefix."""

    objective_id: str
    state: str


@dataclass(frozen=True, slots=True)
class ObjectiveCancelled:
    objective_id: str


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The sum over the meter's records of an objective, exact, and how many there are."""

    objective_id: str
    cost_usd: Decimal
    records: int


@dataclass(frozen=True, slots=True)
class Delegated:
    """`status` is the sibling's enum name without its prefix."""

    delegation_id: str
    status: str = "ACCEPTED"
    message: str = ""


@dataclass(frozen=True, slots=True)
class DelegationStatus:
    """`result` is None when the delegation has none, or none that is a JSON object."""

    delegation_id: str
    status: str
    result: Payload | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """An approval as its owner has it: PENDING, APPROVED, AUTO_APPROVED, DENIED, EXPIRED or ESCALATED."""

    approval_request_id: str
    decision: str
    decided_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """`auto_approved` is a claim that GetApproval has still to confirm; `evidence` is what it rests on."""

    approval_request_id: str
    auto_approved: bool = False
    evidence: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionEvaluated:
    """`decision` is ALLOW, DENY or REQUIRE_APPROVAL; anything else counts as no answer."""

    decision: str
    risk_level: str = ""
    reasons: tuple[str, ...] = ()
    matched_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotificationSent:
    notification_id: str


@dataclass(frozen=True, slots=True)
class ChildStarted:
    run_id: str


@dataclass(frozen=True, slots=True)
class RunTold:
    """Another run has taken what it was told, or is not there (any more) to take it."""


Answer: TypeAlias = (
    ObjectivePrepared
    | ObjectiveCreated
    | ObjectiveStatus
    | ObjectiveCancelled
    | UsageReported
    | Delegated
    | DelegationStatus
    | ApprovalRequested
    | ApprovalStatus
    | ActionEvaluated
    | NotificationSent
    | ChildStarted
    | RunTold
)


class FaultKind(StrEnum):
    TRANSPORT = "TRANSPORT"  # no or no readable answer: tried again, uses up no retries
    REJECTED = "REJECTED"  # the request can never be right: final
    FAILED = "FAILED"  # the sibling said no: fails this attempt, the retry policy decides


@dataclass(frozen=True, slots=True)
class Fault:
    """`reason` is a stable word (`unavailable`, `not_configured`, `no_agent`), `message` the sibling's own text."""

    kind: FaultKind
    reason: str
    message: str
