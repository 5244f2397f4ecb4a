"""A version drawn without a run: what each step is and who does it, and on which conditions it leads on."""

from collections.abc import Iterator

from service.domain.definition import Edge, StepDefinition, StepType, Version
from service.domain.graph import Graph
from service.domain.picture.drawing import Arrow, Box, Drawing, Stroke, Tone

MAX_LABEL = 120

TONES = {
    StepType.AGENT_ACTION: Tone.AGENT,
    StepType.APPROVAL_GATE: Tone.PERSON,
    StepType.HUMAN_TASK: Tone.PERSON,
    StepType.WAIT_FOR_EVENT: Tone.EVENT,
    StepType.GOVERNANCE_CHECK: Tone.SERVICE,
    StepType.NOTIFICATION: Tone.SERVICE,
    StepType.BRANCH: Tone.FLOW,
    StepType.PARALLEL: Tone.FLOW,
}


def of_version(version: Version, graph: Graph, name: str) -> Drawing:
    """`name` is the definition's. Steps that undo others come last."""
    steps = {step.id: step for step in version.steps}
    ids = [*graph.order, *(step_id for step_id in steps if step_id in graph.compensation)]
    names = {step_id: f"s{index}" for index, step_id in enumerate(ids)}
    boxes = tuple(_box(steps[step_id], names[step_id]) for step_id in ids)
    subtitle = f"{version.definition_id}, {len(version.steps)} steps, {len(version.edges)} edges"
    arrows = tuple(_arrows(version, graph, names))
    return Drawing(f"{name}, version {version.version}", subtitle, boxes, arrows)


def _arrows(version: Version, graph: Graph, names: dict[str, str]) -> Iterator[Arrow]:
    for edge in version.edges:
        yield Arrow(names[edge.from_step_id], names[edge.to_step_id], _label(edge), Stroke.OPEN)
    for undoing, undone in graph.undoes.items():
        yield Arrow(names[undone], names[undoing], Stroke.UNDOES.value, Stroke.UNDOES)


def _label(edge: Edge) -> str:
    label = ": ".join(text for text in (edge.label, edge.condition_expr) if text)
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"


def _box(step: StepDefinition, name: str) -> Box:
    kind = step.step_type.replace("_", " ").lower()
    return Box(name, step.name or step.id, "", kind, _whose(step), TONES[step.step_type])


def _whose(step: StepDefinition) -> str:
    """Who does it or what it waits for, in a few words; empty where there is nothing to tell."""
    config = step.config
    found = (
        step.agent_id,
        step.required_capability,
        step.event_type_pattern,
        config.get("assignee") or config.get("group") or config.get("approver_user_id") or config.get("recipient"),
    )
    return next((text for text in found if isinstance(text, str) and text), "")
