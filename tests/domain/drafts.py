"""Drafts and versions for the tests of what is published."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.domain.definition import (
    Edge,
    RetryPolicy,
    StepDefinition,
    StepType,
    Trigger,
    TriggerType,
    Version,
)

FIXTURE = Path(__file__).parents[2] / "proto/workflows/v1/testdata/publish_version_response.json"


def step(id: str, step_type: StepType = StepType.NOTIFICATION, **fields: Any) -> StepDefinition:
    return StepDefinition(id=id, step_type=step_type, **fields)


def edges(*arrows: str) -> tuple[Edge, ...]:
    """`a>b` or `a>b if <condition>`."""
    return tuple(_edge(arrow) for arrow in arrows)


def _edge(arrow: str) -> Edge:
    ends, _, condition = arrow.partition(" if ")
    source, target = ends.split(">")
    return Edge(source, target, condition)


def draft(*steps: StepDefinition | str, edges: tuple[Edge, ...] = (), **fields: Any) -> Version:
    """A version with the steps (a bare id is a NOTIFICATION) and edges."""
    values: dict[str, Any] = {
        "id": "",
        "definition_id": "wf_1",
        "workspace_id": "ws_1",
        "version": 0,
        "trigger": None,
        "default_retry_policy": None,
        "timeout_seconds": 0,
        "author": "",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    made = tuple(step(each) if isinstance(each, str) else each for each in steps)
    return Version(**(values | fields), steps=made, edges=edges)


def pipeline() -> Version:
    """The version of the contract fixture."""
    wire = json.loads(FIXTURE.read_text())["version"]
    trigger = wire["trigger"] | {
        "trigger_type": TriggerType(wire["trigger"]["trigger_type"].removeprefix("TRIGGER_TYPE_"))
    }
    return draft(
        *(_read_step(each) for each in wire["steps"]),
        edges=tuple(Edge(**each) for each in wire["edges"]),
        trigger=Trigger(**trigger),
        default_retry_policy=RetryPolicy(**wire["default_retry_policy"]),
        timeout_seconds=wire["timeout_seconds"],
        author=wire["author"],
    )


def _read_step(wire: dict[str, Any]) -> StepDefinition:
    fields = dict(wire)
    fields["step_type"] = StepType(wire["step_type"].removeprefix("STEP_TYPE_"))
    if "retry_policy" in wire:
        fields["retry_policy"] = RetryPolicy(**wire["retry_policy"])
    return StepDefinition(**fields)
