"""What a run owes the world: effects, the calls they carry, and the answers those calls bring.

`decide` asks for an effect; the apply that stores the decision stores its row; the dispatcher performs it under a lease
and comes back with a command. The row is deleted by the apply that records the answer, so its presence is the guard
against answering twice. An effect's id is unique within its run and never used again: step, attempt and kind (and a
discriminator where one attempt may ask twice), and with the run's id it is the idempotency key that siblings see.

`Call` and `Answer` are closed unions: whoever dispatches on them ends with `assert_never`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from service.domain.definition import Payload

# --- calls to siblings -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FindAgent:
    """Who can do this? Asks the registry, then the agents service."""

    capability: str


@dataclass(frozen=True, slots=True)
class CreateObjective:
    """`marker` (run/step/attempt) ends the description, so that a creation of unknown outcome can be found again."""

    agent_id: str
    title: str
    description: str
    marker: str


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


SiblingCall: TypeAlias = (
    FindAgent
    | CreateObjective
    | CancelObjective
    | Delegate
    | RequestApproval
    | GetApproval
    | EvaluateAction
    | SendNotification
)
Call: TypeAlias = SiblingCall | Deliver


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that a run owes, due at once. The kind is the call's class name."""

    id: str
    step_id: str
    attempt: int
    call: Call

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


# --- what comes back ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentFound:
    agent_id: str


@dataclass(frozen=True, slots=True)
class ObjectiveCreated:
    objective_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class ObjectiveCancelled:
    objective_id: str


@dataclass(frozen=True, slots=True)
class Delegated:
    delegation_id: str


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """An approval as its owner has it: PENDING, APPROVED, AUTO_APPROVED, DENIED, EXPIRED or ESCALATED."""

    approval_request_id: str
    decision: str
    decided_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """`auto_approved` is a claim that GetApproval has still to confirm."""

    approval_request_id: str
    auto_approved: bool = False


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


Answer: TypeAlias = (
    AgentFound
    | ObjectiveCreated
    | ObjectiveCancelled
    | Delegated
    | ApprovalRequested
    | ApprovalStatus
    | ActionEvaluated
    | NotificationSent
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
