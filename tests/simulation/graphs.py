"""Random small graphs that may be published: every step type, conditions, retries, items, children, timeouts."""

from dataclasses import replace
from random import Random
from typing import Any

from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType, Version
from service.domain.validate import find_problems
from tests.builders import chain, step, version

KINDS = [*StepType]
UNDOING = [StepType.HUMAN_TASK, StepType.AGENT_ACTION, StepType.NOTIFICATION]
CHILD = "wf_child"


def drawn(random: Random) -> Version:
    """One that may be published."""
    while find_problems(found := _any(random)):
        continue
    return found


def _any(random: Random) -> Version:
    """Edges only point forward, so every graph is acyclic; each step but the first has a predecessor."""
    count = random.randint(1, 6)
    steps = [_step(random, f"s{number}", random.choice(KINDS)) for number in range(count)]
    undoing = [_step(random, undone.compensation_step_id, random.choice(UNDOING)) for undone in _undone(steps)]
    edges = [edge for target in range(1, count) for edge in _edges_to(random, steps, target)]
    retry = RetryPolicy(random.randint(0, 2), 2, 2.0)
    return version([*steps, *undoing], edges, retry=retry, timeout_seconds=random.choice([15, 3600]))


def child(random: Random) -> Version:
    """What a step of another run can start."""
    kinds = [StepType.HUMAN_TASK, StepType.AGENT_ACTION, StepType.WAIT_FOR_EVENT]
    return replace(chain(random.randint(1, 2), lambda name: _plain(name, random.choice(kinds))), definition_id=CHILD)


def _undone(steps: list[StepDefinition]) -> list[StepDefinition]:
    return [each for each in steps if each.compensation_step_id]


def _edges_to(random: Random, steps: list[StepDefinition], target: int) -> list[Edge]:
    sources = sorted(random.sample(range(target), random.randint(1, min(2, target))))
    return [Edge(f"s{source}", f"s{target}", _condition(random, steps[source])) for source in sources]


def _condition(random: Random, source: StepDefinition) -> str:
    if source.step_type is not StepType.BRANCH:
        return ""
    return random.choice(["", "pick == 1.0", "pick != 1.0"])


def _step(random: Random, step_id: str, kind: StepType) -> StepDefinition:
    fields: dict[str, Any] = {}
    if kind is StepType.AGENT_ACTION:
        fields = _agent(random)
    if kind is not StepType.PARALLEL and random.random() < 0.2:
        fields["timeout_seconds"] = random.choice([2, 8])
    if step_id.startswith("s") and random.random() < 0.5:
        fields["compensation_step_id"] = f"undo_{step_id}"
    return _plain(step_id, kind, **fields)


def _agent(random: Random) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        {"agent_id": "agent_1"},
        {"required_capability": "c"},
        {"agent_id": "agent_1", "config": {"items": "[1, 2, 3]", "concurrency": 2, "tolerated_failures": 1}},
        {"agent_id": "agent_1", "config": {"on_failure": "continue", "heartbeat_seconds": 3}},
        {"agent_id": "agent_1", "config": {"output_required": True, "result_grace_seconds": 2}},
        {"config": {"workflow": {"definition_id": CHILD}}},
    ]
    return dict(random.choice(found))


def _plain(step_id: str, kind: StepType, **fields: Any) -> StepDefinition:
    if kind is StepType.WAIT_FOR_EVENT:
        fields["event_type_pattern"] = "x.>"
    if kind is StepType.AGENT_ACTION and not {"agent_id", "required_capability", "config"} & fields.keys():
        fields["agent_id"] = "agent_1"
    return step(step_id, kind, **fields)
