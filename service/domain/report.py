"""TransitionStep: the door for agents, people and orchestrators, and who may say what through it.

An exact repetition answers OK and tells nobody. What contradicts the state is refused with a reason and changes
nothing. What remains is the step type's own (`StepRules.reported`).
"""

from dataclasses import replace

from service.domain.commands import TransitionStep
from service.domain.costs import attempt_cost
from service.domain.definition import StepType
from service.domain.errors import conflict, invalid, not_found
from service.domain.flow import EdgeFate, fate
from service.domain.state import RunState, StepRun, StepState
from service.domain.steps import rules_of
from service.domain.steps.rules import LINKS
from service.domain.turn import Turn

REPORTED = frozenset({"reported_failure", "task_rejected", "approval_denied"})
"""What a step fails of when somebody reports its failure."""
TAKEN = frozenset({StepState.RUNNING, StepState.WAITING, StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED})


def report(turn: Turn, command: TransitionStep) -> None:
    """Applies one report. Raises Refusal."""
    if command.step_id not in turn.run.steps:
        raise not_found("step", command.step_id)
    if command.state not in TAKEN:
        raise invalid("state", "state_not_reportable", f"a step cannot be reported as {command.state}")
    if (meant := _meant(turn, command)) != command.step_id:
        command = replace(command, step_id=meant)
    if repeats(turn.step(command.step_id), command):
        return rules_of(turn, command.step_id).repeated(turn, command.step_id)
    if turn.run.state.terminal:
        raise conflict("run_terminal", f"the run is {turn.run.state}")
    if command.state is StepState.SKIPPED:
        return _skip(turn, command)
    rules = rules_of(turn, command.step_id)
    rules.check_reporter(turn, command.step_id, command)
    _check_state(turn, command)
    _check_attempt(turn, command)
    rules.reported(turn, command.step_id, command)
    return None


def _meant(turn: Turn, command: TransitionStep) -> str:
    """The step, or the item of it that works on the objective the report names."""
    items = turn.items(command.step_id)
    if not items or command.state is StepState.SKIPPED:
        return command.step_id
    for item in items:
        if command.objective_id and item.worked_on(command.objective_id):
            return item.step_id
    raise invalid("objective_id", "item_ambiguous", "the step works through a list: name the objective of one item")


def repeats(step: StepRun, command: TransitionStep) -> bool:
    """Is everything the report says already so?"""
    if not _came_to(step, command):
        return False
    said = {name: getattr(command, name) for name in (*LINKS, "governance_decision")}
    same = all(value == getattr(step, name) for name, value in said.items() if value)
    same = same and command.error_message in ("", step.error_message, _comment(step))
    if command.output_payload is not None and not _covers(step, command):
        return False
    return same and attempt_cost(step, command.cost_usd) == step.cost_usd


def _came_to(step: StepRun, command: TransitionStep) -> bool:
    """A failure may have been passed over: then the step COMPLETED, and says of what."""
    passed_over = step.state is StepState.COMPLETED and step.error_reason in REPORTED
    return command.state is step.state or (command.state is StepState.FAILED and passed_over)


def _comment(step: StepRun) -> str:
    """What a gate's decider said, which the step's own message only quotes."""
    said: str = step.evidence.get("approval", {}).get("comment", "")
    return said


def _covers(step: StepRun, command: TransitionStep) -> bool:
    """Gates add who decided to what was said; the others keep the output as it is."""
    said = command.output_payload or {}
    if step.step_type in (StepType.APPROVAL_GATE, StepType.GOVERNANCE_CHECK):
        return all(step.output_payload.get(key) == value for key, value in said.items())
    return said == step.output_payload


def _skip(turn: Turn, command: TransitionStep) -> None:
    step = turn.step(command.step_id)
    if command.step_id in turn.plan.graph.compensation:
        raise conflict("compensation_step", "what undoes a step cannot be skipped")
    if step.state is not StepState.PENDING:
        raise conflict("step_not_pending", f"only a PENDING step can be skipped, this one is {step.state}")
    rules_of(turn, command.step_id).check_skipper(turn, command.step_id)
    turn.move(command.step_id, StepState.SKIPPED, "skipped", error_message=command.error_message)


def _check_state(turn: Turn, command: TransitionStep) -> None:
    step = turn.step(command.step_id)
    if step.state.terminal:
        raise conflict("step_terminal", f"the step is already {step.state}")
    if step.state is StepState.PENDING:
        raise _not_started(turn, step)
    if step.state is StepState.WAITING and command.state is StepState.RUNNING:
        raise conflict("illegal_transition", "a WAITING step does not become RUNNING")


def _not_started(turn: Turn, step: StepRun) -> Exception:
    edges = turn.plan.graph.incoming.get(step.step_id, ())
    open_ends = sorted({edge.from_step_id for edge in edges if fate(turn, edge) is EdgeFate.OPEN})
    if open_ends:
        return conflict("predecessors_open", f"the step waits for {', '.join(open_ends)}")
    if turn.run.state is RunState.PAUSED:
        return conflict("run_paused", "the run is PAUSED and starts nothing")
    return conflict("step_not_started", "the step has not started (again) yet")


def _check_attempt(turn: Turn, command: TransitionStep) -> None:
    step = turn.step(command.step_id)
    if command.objective_id in step.earlier_work:
        raise conflict("objective_superseded", "the attempt that this objective worked on is over")
    if command.objective_id and step.objective_id and command.objective_id != step.objective_id:
        raise conflict("objective_superseded", "another objective is linked to the present attempt")
    ambiguous = command.state is StepState.FAILED and step.retry_count and not command.objective_id
    if ambiguous and not turn.guarded:
        message = "the step was retried: say which attempt failed by objective_id or an idempotency-key"
        raise invalid("objective_id", "attempt_ambiguous", message)
