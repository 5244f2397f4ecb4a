"""What calls bring back: an answer, or a fault.

Siblings' replies are read into these by `siblings`, which has checked that they are whole. `Answer` is a closed union:
whoever dispatches on it ends with `assert_never`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from service.domain.definition import Payload


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


PASSED = frozenset({"APPROVED", "AUTO_APPROVED"})
STOPPED = frozenset({"DENIED", "EXPIRED"})
"""Which decisions of an approval are a yes, and which a no; the others decide nothing yet."""


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
