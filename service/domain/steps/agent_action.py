"""AGENT_ACTION: an objective for an agent, and its result. The rules of a whole step and of one item of a list.

Agent, skill and prompt are looked up first; then the objective is created, linked and, when its agent was found by
capability, delegated. Its outcome comes over the bus, through TransitionStep or from asking its owner, before or after
the link. An objective that completed without a result leaves the attempt RUNNING for a while: the delegation is asked,
and a richer report may come.
"""

from typing import Any

from service.domain import outcome
from service.domain.answers import (
    Answer,
    Delegated,
    DelegationStatus,
    Fault,
    ObjectiveCreated,
    ObjectivePrepared,
    ObjectiveStatus,
)
from service.domain.bus_event import ObjectiveReport
from service.domain.calls import CancelObjective, GetDelegation, GetObjective, PrepareObjective
from service.domain.commands import EventArrived, TransitionStep
from service.domain.costs import ask_meter, of_objective
from service.domain.errors import invalid
from service.domain.state import StepRun, StepState, changed
from service.domain.steps.objective import delegation_of, objective_for
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn

GRACE_SECONDS = 10
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
LOST_DELEGATIONS = frozenset({"REJECTED", "FAILED", "TIMED_OUT"})


class AgentAction(StepRules):
    reports = frozenset({StepState.RUNNING, StepState.WAITING, StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        wanted = turn.planned(step_id).definition
        step = turn.move(step_id, StepState.RUNNING, "started", agent_id=wanted.agent_id, **changes)
        capability = "" if wanted.agent_id else wanted.required_capability
        turn.owe(step, PrepareObjective(wanted.agent_id, capability, wanted.skill_id, wanted.prompt_name))

    # --- answers ---------------------------------------------------------------------------------------------------

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        match answer:
            case ObjectivePrepared():
                self._prepared(turn, step_id, answer)
            case ObjectiveCreated(objective_id, agent_id):
                self._created(turn, step_id, objective_id, agent_id)
            case Delegated():
                self._delegated(turn, step_id, answer)
            case DelegationStatus():
                _delegation_asked(turn, step_id, answer)
            case ObjectiveStatus(objective_id, state):
                self._asked(turn, step_id, ObjectiveReport(objective_id, state))
            case _:
                super().answered(turn, step_id, answer)

    def _prepared(self, turn: Turn, step_id: str, answer: ObjectivePrepared) -> None:
        if turn.run.failing:
            return outcome.abandon(turn, step_id)
        step = turn.step(step_id)
        if answer.agent_id != step.agent_id:
            step = turn.link(step_id, agent_id=answer.agent_id)
        if not step.objective_id:  # else somebody has created one and said so
            turn.owe(step, objective_for(turn, step, answer.prompt))
        return None

    def _created(self, turn: Turn, step_id: str, objective_id: str, agent_id: str) -> None:
        step = turn.step(step_id)
        if step.objective_id not in ("", objective_id):
            reason = "another objective is linked to this attempt"
            return turn.owe(step, CancelObjective(objective_id, reason), objective_id)
        step = turn.link(step_id, objective_id=objective_id, agent_id=agent_id or step.agent_id)
        watch(turn, step_id)
        if not turn.planned(step_id).definition.agent_id:
            turn.owe(step, delegation_of(turn, step))
        return None

    def _delegated(self, turn: Turn, step_id: str, answer: Delegated) -> None:
        step = turn.link(step_id, delegation_id=answer.delegation_id)
        if "grace" in step.alarms:  # the objective was faster than this answer
            turn.owe(step, GetDelegation(answer.delegation_id), "result")
        _check_delegation(turn, step_id, answer.status, answer.message)

    def _asked(self, turn: Turn, step_id: str, report: ObjectiveReport) -> None:
        """What its owner says is no sign of life; it is asked again when nothing else is heard."""
        if report.state in ENDED:
            heard_outcome(turn, step_id, report, {})
        elif "grace" not in turn.step(step_id).alarms:
            turn.arm(step_id, check=turn.after(turn.plan.patience.check_seconds))

    def faulted(self, turn: Turn, step_id: str, fault: Fault) -> None:
        outcome.take_back(turn, turn.step(step_id), "the attempt failed")
        super().faulted(turn, step_id, fault)

    # --- what is heard and reported --------------------------------------------------------------------------------

    def heard(self, turn: Turn, step_id: str, arrived: EventArrived) -> None:
        report = arrived.event.about
        assert isinstance(report, ObjectiveReport)  # an AGENT_ACTION is addressed by its objectives alone
        _pass_on(turn, turn.step(step_id), report)
        try:
            _heard_of(turn, step_id, report)
        except Unwanted:
            if not report.said:  # words are worth keeping, whatever the step makes of the rest
                raise

    def reported(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        required = turn.planned(step_id).config.get("output_required")
        if report.state is StepState.COMPLETED and required and not report.output_payload:
            raise invalid("output_payload", "output_required", "this step completes only with an output")
        before = turn.step(step_id)
        super().reported(turn, step_id, report)
        if turn.step(step_id).state.open:
            watch(turn, step_id)
        elif report.cost_usd is None:
            ask_meter(turn, changed(before, objective_id=before.objective_id or report.objective_id))

    def repeated(self, turn: Turn, step_id: str) -> None:
        if "heartbeat" in turn.step(step_id).alarms:
            watch(turn, step_id)

    # --- the clock -------------------------------------------------------------------------------------------------

    def rang(self, turn: Turn, step_id: str, alarm: str) -> None:
        match alarm:
            case "grace":
                _finish_without_result(turn, step_id)
            case "heartbeat":
                outcome.take_back(turn, turn.step(step_id), "the agent gave no sign of life")
                outcome.fail(turn, step_id, "heartbeat_missed", "the agent gave no sign of life in time")
            case _:
                _ask_owner(turn, step_id)

    def expired(self, turn: Turn, step_id: str) -> None:
        if "grace" in turn.step(step_id).alarms:
            return _finish_without_result(turn, step_id)
        outcome.take_back(turn, turn.step(step_id), "the attempt timed out")
        return outcome.fail(turn, step_id, "timed_out", "the attempt reached its timeout")


# --- outcomes --------------------------------------------------------------------------------------------------------


def _heard_of(turn: Turn, step_id: str, report: ObjectiveReport) -> None:
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
        _finish_without_result(turn, step_id)


def _finish_without_result(turn: Turn, step_id: str) -> None:
    ask_meter(turn, turn.step(step_id))
    if turn.planned(step_id).config.get("output_required"):
        outcome.fail(turn, step_id, "result_missing", "the objective completed without a result")
    else:
        outcome.complete(turn, step_id, {})


def _progress(turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
    step = watch(turn, step_id)
    if changes:
        turn.link(step_id, **changes)
    elif "heartbeat" not in step.alarms:
        raise Unwanted("progress", "the objective goes on")


def _after_all(step: StepRun, report: ObjectiveReport) -> dict[str, Any]:
    """A cancelled objective that completed all the same revives nothing, but there is something to undo."""
    known = step.evidence.get("completed_after_all") or report.objective_id != step.objective_id
    if known or step.state is not StepState.CANCELLED or report.state != "COMPLETED":
        return {}
    evidence = {**step.evidence, "completed_after_all": True}
    return {"evidence": evidence, "output_payload": report.output or {}}


def _pass_on(turn: Turn, step: StepRun, report: ObjectiveReport) -> None:
    """What the agent wants people to read becomes part of the run's conversation."""
    if report.said:
        said = dict(report.said)
        turn.say(step.step_id, said.pop("kind"), f"agent:{step.agent_id}", said.pop("text"), said)


# --- looking after it ------------------------------------------------------------------------------------------------


def watch(turn: Turn, step_id: str) -> StepRun:
    """Sets anew when the objective's owner is asked, and when silence counts as failure, unless it has ended."""
    if "grace" in turn.step(step_id).alarms:
        return turn.step(step_id)
    alarms = {"check": turn.after(turn.plan.patience.check_seconds)}
    if heartbeat := turn.planned(step_id).config.get("heartbeat_seconds"):
        alarms["heartbeat"] = turn.after(heartbeat)
    return turn.arm(step_id, **alarms)


def _ask_owner(turn: Turn, step_id: str) -> None:
    """Once: as long as it is not answered, however long its owner is away, there is no use in asking again."""
    step, again = turn.step(step_id), turn.moment
    if step.objective_id:
        turn.owe(step, GetObjective(step.objective_id), again)
    if step.delegation_id:
        turn.owe(step, GetDelegation(step.delegation_id), again)


def _delegation_asked(turn: Turn, step_id: str, answer: DelegationStatus) -> None:
    awaited = "grace" in turn.step(step_id).alarms
    if awaited and answer.result is not None:
        ask_meter(turn, turn.step(step_id))
        outcome.complete(turn, step_id, answer.result)
    elif not awaited:
        _check_delegation(turn, step_id, answer.status, answer.message)


def _check_delegation(turn: Turn, step_id: str, status: str, message: str) -> None:
    if status in LOST_DELEGATIONS:
        word = status.lower()
        outcome.take_back(turn, turn.step(step_id), f"the delegation was {word}")
        outcome.fail(turn, step_id, f"delegation_{word}", message or f"the delegation was {word.replace('_', ' ')}")
