"""Following an objective: what is heard of it, how long silence is borne, and what its end means for the attempt.

News comes over the bus, through TransitionStep and from asking its owner or the one it was delegated to, in any order
and more than once. An objective that completed without a result leaves the attempt RUNNING for a while (`grace`): the
delegation is asked, and a richer report may come. Called by `agent_action`, which has it made.
"""

from typing import Any

from service.domain import outcome
from service.domain.answers import DelegationStatus
from service.domain.bus_event import ObjectiveReport
from service.domain.calls import GetDelegation, GetObjective
from service.domain.costs import ask_meter, of_objective
from service.domain.state import StepRun, StepState
from service.domain.steps.rules import Unwanted
from service.domain.turn import Turn

GRACE_SECONDS = 10
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
LOST_DELEGATIONS = frozenset({"REJECTED", "FAILED", "TIMED_OUT"})

# --- news of it ------------------------------------------------------------------------------------------------------


def heard_of(turn: Turn, step_id: str, report: ObjectiveReport) -> None:
    """Its end, its progress or its cost; also of an attempt that is over. Raises Unwanted for what is no news."""
    step = turn.step(step_id)
    changes = of_objective(step, report.objective_id, report.cost_usd)
    if step.state.open and report.objective_id == step.objective_id:
        return heard_outcome(turn, step_id, report, changes)
    changes = {**changes, **_after_all(step, report)}
    if not changes:
        raise Unwanted("attempt_over", "the attempt that this objective worked on is over")
    turn.link(step_id, **changes)
    return None


def heard_outcome(turn: Turn, step_id: str, report: ObjectiveReport, changes: dict[str, Any]) -> None:
    """What the objective of the present attempt has come to; `changes` is what it cost, where that is news."""
    if report.state not in ENDED:
        return _progress(turn, step_id, changes)
    if report.state == "COMPLETED" and report.output is None:
        return _await_result(turn, step_id, changes)
    if report.cost_usd is None:
        ask_meter(turn, turn.step(step_id))
    match report.state:
        case "COMPLETED":
            outcome.complete(turn, step_id, report.output or {}, **changes)
        case "FAILED":
            outcome.fail(turn, step_id, "objective_failed", report.message or "the objective failed", **changes)
        case _:
            message = report.message or "the objective was cancelled"
            outcome.fail_for_good(turn, step_id, "objective_cancelled", message, **changes)
    return None


def _progress(turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
    step = watch(turn, step_id)
    if changes:
        turn.link(step_id, **changes)
    elif "heartbeat" not in step.alarms:
        raise Unwanted("progress", "the objective goes on")


def _await_result(turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
    grace = turn.planned(step_id).config.get("result_grace_seconds", GRACE_SECONDS)
    if "grace" in turn.step(step_id).alarms:
        raise Unwanted("progress", "the result is awaited already")
    if changes:
        turn.link(step_id, **changes)
    step = turn.arm(step_id, grace=turn.after(grace), heartbeat=None, check=None)
    if step.delegation_id:
        turn.owe(step, GetDelegation(step.delegation_id), "result")
    if not grace:
        finish_without_result(turn, step_id)


def finish_without_result(turn: Turn, step_id: str) -> None:
    """Nobody has sent a result in time: a failure where one is required."""
    ask_meter(turn, turn.step(step_id))
    if turn.planned(step_id).config.get("output_required"):
        outcome.fail(turn, step_id, "result_missing", "the objective completed without a result")
    else:
        outcome.complete(turn, step_id, {})


def _after_all(step: StepRun, report: ObjectiveReport) -> dict[str, Any]:
    """A cancelled objective that completed all the same revives nothing, but there is something to undo."""
    known = step.evidence.get("completed_after_all") or report.objective_id != step.objective_id
    if known or step.state is not StepState.CANCELLED or report.state != "COMPLETED":
        return {}
    evidence = {**step.evidence, "completed_after_all": True}
    return {"evidence": evidence, "output_payload": report.output or {}}


def pass_on(turn: Turn, step: StepRun, report: ObjectiveReport) -> None:
    """What the agent wants people to read becomes part of the run's conversation."""
    if report.said:
        said = dict(report.said)
        turn.say(step.step_id, said.pop("kind"), f"agent:{step.agent_id}", said.pop("text"), said)


# --- silence ---------------------------------------------------------------------------------------------------------


def watch(turn: Turn, step_id: str) -> StepRun:
    """Sets anew when the objective's owner is asked, and when silence counts as failure, unless it has ended."""
    if "grace" in turn.step(step_id).alarms:
        return turn.step(step_id)
    alarms = {"check": turn.after(turn.plan.patience.check_seconds)}
    if heartbeat := turn.planned(step_id).config.get("heartbeat_seconds"):
        alarms["heartbeat"] = turn.after(heartbeat)
    return turn.arm(step_id, **alarms)


def ask_owner(turn: Turn, step_id: str) -> None:
    """Once: as long as it is not answered, however long its owner is away, there is no use in asking again."""
    step, again = turn.step(step_id), turn.moment
    if step.objective_id:
        turn.owe(step, GetObjective(step.objective_id), again)
    if step.delegation_id:
        turn.owe(step, GetDelegation(step.delegation_id), again)


# --- its delegation --------------------------------------------------------------------------------------------------


def delegation_asked(turn: Turn, step_id: str, answer: DelegationStatus) -> None:
    """What the delegation says: the result that is awaited, or that it was lost."""
    awaited = "grace" in turn.step(step_id).alarms
    if awaited and answer.result is not None:
        ask_meter(turn, turn.step(step_id))
        outcome.complete(turn, step_id, answer.result)
    elif not awaited:
        check_delegation(turn, step_id, answer.status, answer.message)


def check_delegation(turn: Turn, step_id: str, status: str, message: str) -> None:
    """A delegation that nobody works on any more ends the attempt."""
    if status in LOST_DELEGATIONS:
        word = status.lower()
        outcome.take_back(turn, turn.step(step_id), f"the delegation was {word}")
        outcome.fail(turn, step_id, f"delegation_{word}", message or f"the delegation was {word.replace('_', ' ')}")
