"""AGENT_ACTION with `config.workflow`: another run is the work of this step.

The child run is started once per attempt; when it has ended it tells its parent, and its output and cost become the
step's. The step WAITs meanwhile, so a run that fails does not wait for its children: they are cancelled.
"""

from typing import Any

from service.domain import outcome
from service.domain.answers import Answer, ChildStarted
from service.domain.calls import PauseChild, StartChild
from service.domain.commands import ChildEnded
from service.domain.costs import attempt_cost, of_objective
from service.domain.scope import evaluate_all
from service.domain.state import RunState, StepRun, StepState
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn

FINAL = frozenset({"run_too_deep", "run_too_many_descendants"})
"""What no retry mends, all the way up the line of parents."""


class SubWorkflow(StepRules):
    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        planned = turn.planned(step_id)
        step = turn.move(step_id, StepState.RUNNING, "started", **changes)
        payload = step.input_payload
        if planned.child_input is not None:
            payload = evaluate_all(planned.child_input, turn, step_id)
        wanted, run = planned.config["workflow"], turn.run
        turn.owe(
            step,
            StartChild(
                definition_id=wanted.get("definition_id", ""),
                name=wanted.get("name", ""),
                version=int(wanted.get("version", 0)),
                input_payload=payload,
                depth=run.depth + 1,
                chain=(*run.chain, run.definition_id),
                initiator_agent_id=run.initiator_agent_id,
                initiator_user_id=run.initiator_user_id,
                entity_id=run.entity_id,
                entity_type=run.entity_type,
            ),
        )

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        if not isinstance(answer, ChildStarted):
            return super().answered(turn, step_id, answer)
        evidence = {**turn.step(step_id).evidence, "child_run_id": answer.run_id}
        if turn.run.failing:
            turn.link(step_id, evidence=evidence)
            return outcome.abandon(turn, step_id)
        step = turn.move(step_id, StepState.WAITING, "waiting", evidence=evidence)
        if turn.run.state is RunState.PAUSED:
            pause_child(turn, step)
        return None

    def expired(self, turn: Turn, step_id: str) -> None:
        outcome.take_back(turn, turn.step(step_id), "the attempt timed out")
        outcome.fail(turn, step_id, "timed_out", "the child run did not end in time")


def pause_child(turn: Turn, step: StepRun) -> None:
    """Call when a run is paused that has this child, or gets it while it is paused."""
    reason = next(iter(turn.run.pauses.values()), {}).get("reason", "")
    call = PauseChild(step.child_run_id, reason, turn.run.sequence)
    turn.owe(step, call, str(turn.run.sequence))


def child_ended(turn: Turn, command: ChildEnded) -> None:
    """A child tells its end, perhaps before the answer that it was started, or what it cost after all."""
    step = turn.run.steps.get(command.step_id)
    if step is None:
        raise Unwanted("attempt_over", "there is no such step")
    if step.state.open and step.attempt == command.attempt:
        evidence = {**step.evidence, "child_run_id": command.child_run_id}
        turn.link(step.step_id, evidence=evidence, cost_usd=attempt_cost(step, command.cost_usd))
        return _end(turn, command)
    if changes := _late_cost(step, command):
        turn.link(step.step_id, **changes)
        return None
    raise Unwanted("attempt_over", "no present attempt waits for this run")


def _end(turn: Turn, command: ChildEnded) -> None:
    why = f"the child run: {command.message or command.reason}"
    match command.state:
        case RunState.COMPLETED:
            outcome.complete(turn, command.step_id, command.output)
        case RunState.CANCELLED:
            outcome.fail_for_good(turn, command.step_id, "child_cancelled", why)
        case _ if command.reason in FINAL:
            outcome.fail_for_good(turn, command.step_id, command.reason, why)
        case _:
            outcome.fail(turn, command.step_id, "child_failed", why)


def _late_cost(step: StepRun, command: ChildEnded) -> dict[str, Any]:
    if step.child_run_id != command.child_run_id:
        return of_objective(step, command.child_run_id, command.cost_usd)
    total = attempt_cost(step, command.cost_usd)
    return {"cost_usd": total} if total != step.cost_usd else {}
