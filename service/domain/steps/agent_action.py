"""AGENT_ACTION: an objective for an agent, and its result.

The agent is given, or found by capability; then the objective is created, linked and, when it was routed by
capability, delegated. Its outcome comes over the bus or through TransitionStep, before or after the link.
"""

from typing import Any

import orjson

from service.domain import outcome
from service.domain.commands import BusEvent, ObjectiveReport
from service.domain.effects import (
    AgentFound,
    Answer,
    CancelObjective,
    CreateObjective,
    Delegate,
    Delegated,
    FindAgent,
    ObjectiveCreated,
)
from service.domain.state import StepRun, StepState
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn, attempt_cost


class AgentAction(StepRules):
    reports = frozenset({StepState.RUNNING, StepState.WAITING, StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        definition = turn.planned(step_id).definition
        step = turn.move(step_id, StepState.RUNNING, "started", agent_id=definition.agent_id, **changes)
        if definition.agent_id:
            turn.owe(step, objective_for(turn, step))
        else:
            turn.owe(step, FindAgent(definition.required_capability))

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        match answer:
            case AgentFound(agent_id):
                self._found(turn, step_id, agent_id)
            case ObjectiveCreated(objective_id, agent_id):
                self._created(turn, step_id, objective_id, agent_id)
            case Delegated(delegation_id):
                turn.link(step_id, delegation_id=delegation_id)
            case _:
                super().answered(turn, step_id, answer)

    def _found(self, turn: Turn, step_id: str, agent_id: str) -> None:
        if turn.run.failing:
            return outcome.abandon(turn, step_id)
        step = turn.link(step_id, agent_id=agent_id)
        turn.owe(step, objective_for(turn, step))
        return None

    def _created(self, turn: Turn, step_id: str, objective_id: str, agent_id: str) -> None:
        linked = turn.step(step_id).objective_id
        if linked and linked != objective_id:
            raise Unwanted("objective_superseded", "another objective is linked to this attempt")
        step = turn.step(step_id)
        step = turn.link(step_id, objective_id=objective_id, agent_id=agent_id or step.agent_id)
        if not turn.planned(step_id).definition.agent_id:
            turn.owe(step, delegation_of(turn, step))

    def heard(self, turn: Turn, step_id: str, event: BusEvent) -> None:
        report, step = event.about, turn.step(step_id)
        assert isinstance(report, ObjectiveReport)  # an AGENT_ACTION is addressed by its objective alone
        changes: dict[str, Any] = {}
        if report.cost_usd is not None:
            changes["cost_usd"] = attempt_cost(step, report.cost_usd)
        if not step.state.open:
            return late_cost(turn, step, changes)
        return heard_outcome(turn, step_id, report, changes)

    def expired(self, turn: Turn, step_id: str) -> None:
        step = turn.step(step_id)
        if step.objective_id:
            turn.owe(step, CancelObjective(step.objective_id, "the attempt timed out"))
        outcome.fail(turn, step_id, "timed_out", "the attempt reached its timeout")


def heard_outcome(turn: Turn, step_id: str, report: ObjectiveReport, changes: dict[str, Any]) -> None:
    match report.state:
        case "COMPLETED":
            outcome.complete(turn, step_id, report.output or {}, **changes)
        case "FAILED":
            outcome.fail(turn, step_id, "objective_failed", report.message or "the objective failed", **changes)
        case "CANCELLED":
            message = report.message or "the objective was cancelled"
            outcome.fail_for_good(turn, step_id, "objective_cancelled", message, **changes)
        case _ if changes.get("cost_usd", turn.step(step_id).cost_usd) != turn.step(step_id).cost_usd:
            turn.link(step_id, **changes)
        case _:
            raise Unwanted("progress", "the objective goes on")


def late_cost(turn: Turn, step: StepRun, changes: dict[str, Any]) -> None:
    """A cost may still come after the end; an outcome may not."""
    if changes.get("cost_usd", step.cost_usd) == step.cost_usd:
        raise Unwanted("step_ended", f"the step is already {step.state}")
    turn.link(step.step_id, **changes)


def objective_for(turn: Turn, step: StepRun) -> CreateObjective:
    """What the agent reads: a title, and a description that ends with a context for machines."""
    definition = turn.planned(step.step_id).definition
    title = turn.planned(step.step_id).config.get("title") or step.step_name or step.step_id
    marker = f"{turn.run.id}/{step.step_id}/{step.attempt}"
    context = {
        "marker": marker,
        "run_id": turn.run.id,
        "step_id": step.step_id,
        "attempt": step.attempt,
        "action_type": definition.action_type,
        "entity_id": turn.run.entity_id,
        "entity_type": turn.run.entity_type,
        "input": dict(step.input_payload),
    }
    lead = turn.planned(step.step_id).config.get("description") or f"Step {step.step_id} of a workflow."
    body = orjson.dumps(context, option=orjson.OPT_SORT_KEYS).decode()
    return CreateObjective(step.agent_id, title, f"{lead}\n{body}", marker)


def delegation_of(turn: Turn, step: StepRun) -> Delegate:
    definition = turn.planned(step.step_id).definition
    return Delegate(
        from_agent_id=turn.run.initiator_agent_id,
        to_agent_id=step.agent_id,
        required_capability=definition.required_capability,
        objective_id=step.objective_id,
        step_id=step.step_id,
        context=step.input_payload,
    )
