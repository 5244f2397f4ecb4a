"""BRANCH: follows exactly one edge, the first in order that holds; one without a condition is the default, last."""

from typing import Any

from service.domain import outcome
from service.domain.definition import Edge, Json, Payload
from service.domain.scope import evaluate, holds
from service.domain.state import StepState, changed
from service.domain.steps.rules import StepRules
from service.domain.turn import Turn


class Branch(StepRules):
    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        turn.move(step_id, StepState.RUNNING, "started", **changes)
        found = _value(turn, step_id)
        bare = {**turn.step(step_id).input_payload, **found}
        chosen = _choose(turn.supposing(changed(turn.step(step_id), output_payload=found)), step_id, bare)
        if chosen is None:
            shown = ", ".join(f"{key} = {_short(value)}" for key, value in found.items())
            message = f"no edge's condition holds ({shown})" if shown else "no edge's condition holds"
            return outcome.fail_for_good(turn, step_id, "no_branch_matched", message)
        edges = turn.plan.graph.outgoing[step_id]
        dead = [edge.to_step_id for edge in edges if edge is not chosen]
        output = {"selected_edge": chosen.label or chosen.to_step_id, **found}
        return outcome.complete(turn, step_id, output, evidence={"dead": dead})


def _value(turn: Turn, step_id: str) -> Payload:
    """What the condition yields, under the name by which edges and people know it."""
    program = turn.planned(step_id).condition
    if program is None:
        return {}
    value: Json = evaluate(program, turn, step_id)
    if isinstance(value, dict):
        return value
    return {program.trailing_field or "value": value}


def _choose(turn: Turn, step_id: str, bare: Payload) -> Edge | None:
    default: Edge | None = None
    for edge in turn.plan.graph.outgoing[step_id]:
        program = turn.plan.edge_condition(edge)
        if program is None:
            default = edge
        elif holds(program, turn, step_id, bare):
            return edge
    return default


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
