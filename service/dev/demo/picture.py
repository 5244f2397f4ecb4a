"""The path a run has taken, as Mermaid flowchart text: steps coloured by state, taken edges thick, others dotted.

Paste it into any Markdown page or at mermaid.live to see it drawn.
"""

from collections.abc import Iterator, Sequence

from workflows.v1 import workflows_pb2 as pb

_COLOURS = {
    "COMPLETED": "#c8e6c9",
    "RUNNING": "#bbdefb",
    "WAITING": "#fff9c4",
    "FAILED": "#ffcdd2",
    "SKIPPED": "#eeeeee",
}


def mermaid(run: pb.WorkflowRun, edges: Sequence[pb.Edge]) -> str:
    return "\n".join(_lines(run, edges))


def _lines(run: pb.WorkflowRun, edges: Sequence[pb.Edge]) -> Iterator[str]:
    nodes = {step.step_id: f"s{index}" for index, step in enumerate(run.steps)}
    steps = {step.step_id: step for step in run.steps}
    yield "flowchart TD"
    for step_id, node in nodes.items():
        state = state_name(steps[step_id])
        yield f'  {node}["{_quoted(steps[step_id].step_name)}<br/>{state}"]:::{state.lower()}'
    for edge in edges:
        arrow = _arrow(taken(edge, steps[edge.from_step_id]), edge.label)
        yield f"  {nodes[edge.from_step_id]} {arrow} {nodes[edge.to_step_id]}"
    for state in sorted({state_name(step) for step in run.steps}):
        colour = _COLOURS.get(state, "#ffffff")
        yield f"  classDef {state.lower()} fill:{colour},stroke:#555,color:#111"


def taken(edge: pb.Edge, source: pb.StepRun) -> bool:
    """Whether the run went this way. Conditions elsewhere than at a branch do not show in a run."""
    if source.state != pb.STEP_RUN_STATE_COMPLETED:
        return False
    chosen = source.output_payload.fields.get("selected_edge")
    return chosen is None or chosen.string_value == (edge.label or edge.to_step_id)


def state_name(step: pb.StepRun) -> str:
    return pb.StepRunState.Name(step.state).removeprefix("STEP_RUN_STATE_")


def _arrow(was_taken: bool, label: str) -> str:
    arrow = "==>" if was_taken else "-.->"
    return f'{arrow}|"{_quoted(label)}"|' if label else arrow


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
