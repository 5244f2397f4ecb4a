"""Short ways to draw a version on the wire: steps, edges as `"a>b"`, and a whole graph to publish.

The action type of a step is its id, by which the siblings' script finds what becomes of it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from workflows.v1 import workflows_pb2 as pb

from tests.world import struct

ONCE_MORE_SOON = pb.RetryPolicy(max_retries=1, backoff_seconds=1, backoff_multiplier=1.0)


def step(step_id: str, kind: str, config: dict[str, Any] | None = None, **fields: Any) -> pb.StepDefinition:
    """`kind` is the step type's name without its prefix."""
    step_type = pb.StepType.Value(f"STEP_TYPE_{kind}")
    return pb.StepDefinition(id=step_id, step_type=step_type, config=struct(config) if config else None, **fields)


def agent(step_id: str, **fields: Any) -> pb.StepDefinition:
    if "required_capability" not in fields:
        fields.setdefault("agent_id", "agent_research")
    return step(step_id, "AGENT_ACTION", action_type=step_id, **fields)


def gate(step_id: str, **fields: Any) -> pb.StepDefinition:
    return step(step_id, "APPROVAL_GATE", action_type=step_id, **fields)


def check(step_id: str, **fields: Any) -> pb.StepDefinition:
    return step(step_id, "GOVERNANCE_CHECK", action_type=step_id, **fields)


def task(step_id: str, **fields: Any) -> pb.StepDefinition:
    return step(step_id, "HUMAN_TASK", **fields)


def edge(ends: str, condition: str = "", label: str = "") -> pb.Edge:
    source, _, target = ends.partition(">")
    return pb.Edge(from_step_id=source, to_step_id=target, condition_expr=condition, label=label)


def graph(steps: Sequence[pb.StepDefinition], *edges: str | pb.Edge, **fields: Any) -> pb.PublishVersionRequest:
    drawn = [edge(each) if isinstance(each, str) else each for each in edges]
    return pb.PublishVersionRequest(steps=steps, edges=drawn, **fields)


def chain(*steps: pb.StepDefinition, **fields: Any) -> pb.PublishVersionRequest:
    return graph(steps, *(f"{before.id}>{after.id}" for before, after in pairwise(steps)), **fields)
