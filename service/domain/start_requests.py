"""What callers ask for when they want runs to start, and what an event or a tick brought about.

Parsed by the edge and not yet held against a definition; `beginning` and `triggers` have the commands that come of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.bus_event import BusEvent
from service.domain.definition import Payload, TriggerType
from service.domain.state import Run


@dataclass(frozen=True, slots=True)
class StartRequest:
    """`definition_version` 0 is the latest; `workspace_id` "" is the definition's own."""

    definition_id: str
    definition_version: int
    workspace_id: str
    trigger_type: TriggerType
    trigger_event_id: str
    initiator_agent_id: str
    initiator_user_id: str
    parent_run_id: str
    entity_id: str
    entity_type: str
    input_payload: Payload


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """`definition_version` 0 is the one of the run that is forked."""

    run_id: str
    step_id: str
    definition_version: int
    reason: str


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """What may start runs: an event that was handed in, or a tick of one schedule, or of all when none is named."""

    event: BusEvent
    cron_expr: str = ""


@dataclass(frozen=True, slots=True)
class Triggered:
    """What an event or a tick brought about: runs it started, and others that it moved; no run is in both."""

    started: Sequence[Run]
    updated: Sequence[Run]
