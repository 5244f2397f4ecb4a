"""The calls that a run can owe: to siblings, to other runs, and to itself.

A call says what is asked for, in values; its bytes are made once, by the sibling's encoder or by `effects.encode_own`,
stored with the effect and never made anew. The kind of an effect is the name of its call's class, so a class is never
renamed while rows of it may be about. `Call` is a closed union: whoever dispatches on it ends with `assert_never`.
"""

from dataclasses import dataclass
from typing import TypeAlias

from service.domain.definition import Payload

SIBLINGS = (
    "objectives",
    "agents",
    "registry",
    "approvals",
    "governance",
    "notifications",
    "meter",
    "prompts",
    "skills",
    "entities",
    "identity",
)
"""The services around ours, which are called; each has an address of its own."""

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

STOPS = frozenset(call.__name__ for call in (CancelChild, CancelObjective, PauseChild))
"""Kinds that end work: they never wait behind those that begin it. The index `run_effects_stops` holds the same."""
