"""What is heard: an event of the bus as the rules see it, and what it says of things that steps are linked to.

Whatever shape it had on the wire, `bus` reads it into these; the edge makes the same of an event that a caller hands
in. Plain values: who waits for an event is for `waits`, what it starts for `triggers`.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from zlib import crc32

from service.domain.definition import Payload, TriggerType


@dataclass(frozen=True, slots=True)
class ObjectiveReport:
    """What a change event says of an objective. `state` is the sibling's enum name without its prefix.

    `said` is what the agent wants people to read or answer, if the change carries it: `kind` (question, choice, notice
    or agent_request), `text`, and `choices` for a choice.
    """

    objective_id: str
    state: str
    output: Payload | None = None
    cost_usd: Decimal | None = None
    message: str = ""
    said: Payload | None = None


@dataclass(frozen=True, slots=True)
class ApprovalReport:
    """What the bus says of an approval: a hint, confirmed at the approvals service before it counts."""

    approval_request_id: str
    decision: str
    decided_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GovernanceReport:
    """Governance has evaluated a step's action again; a hint, asked for anew before it counts."""

    run_id: str
    step_id: str
    decision: str


Report: TypeAlias = ObjectiveReport | ApprovalReport | GovernanceReport


@dataclass(frozen=True, slots=True)
class Tap:
    """Which record of which connected system changed, and how; empty text is what the tap did not say."""

    provider: str
    entity_type: str
    entity_id: str
    action: str
    provider_event_id: str = ""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What a caller says who hands an event in: the kind of triggers it is for, who starts the runs, and about what."""

    trigger_type: TriggerType
    initiator_agent_id: str = ""
    initiator_user_id: str = ""
    entity_id: str = ""
    entity_type: str = ""


@dataclass(frozen=True, slots=True)
class BusEvent:
    """A CloudEvent as the rules see it, whatever shape it had on the wire. `tenant` is a workspace id.

    `bus_subject` is where it was published, `subject` the CloudEvent's own. `about` is set when the payload is a change
    of an objective, an approval or an evaluation, `tap` when it is a change that the tap saw. `chain` has the
    definitions that led to the event, the first one first. `handed_in` is set when it did not come over the bus.
    `trace` is how it came, not what it says: the same event again may have another.
    """

    id: str
    source: str
    type: str
    tenant: str
    bus_subject: str = ""
    subject: str = ""
    time: datetime | None = None
    payload: Payload | None = None
    about: Report | None = None
    tap: Tap | None = None
    chain: tuple[str, ...] = ()
    handed_in: HandedIn | None = None
    trace: str = ""

    @property
    def actor(self) -> str:
        """Who acts where the event does."""
        return f"event:{self.source}"

    @property
    def cause(self) -> str:
        """The same for every delivery of the event."""
        return f"event:{self.source}/{self.id}"

    @property
    def mark(self) -> str:
        """Short, and its own among the events of one run: tells what it made us ask from what others did."""
        return f"{crc32(f'{self.source}/{self.id}'.encode()):08x}"
