"""AGENT_ACTION: an objective for an agent, and its result. The rules of a whole step and of one item of a list.

Agent, skill and prompt are looked up first; then the objective is created, linked and, when its agent was found by
capability, delegated. Its outcome may come before or after the link; what that means for the attempt says `following`.
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
from service.domain.calls import CancelObjective, GetDelegation, PrepareObjective
from service.domain.commands import EventArrived, TransitionStep
from service.domain.costs import ask_meter
from service.domain.errors import invalid
from service.domain.state import StepState, changed
from service.domain.steps import following
from service.domain.steps.objective import delegation_of, objective_for
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn


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
                following.delegation_asked(turn, step_id, answer)
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
        following.watch(turn, step_id)
        if not turn.planned(step_id).definition.agent_id:
            turn.owe(step, delegation_of(turn, step))
        return None

    def _delegated(self, turn: Turn, step_id: str, answer: Delegated) -> None:
        step = turn.link(step_id, delegation_id=answer.delegation_id)
        if "grace" in step.alarms:  # the objective was faster than this answer
            turn.owe(step, GetDelegation(answer.delegation_id), "result")
        following.check_delegation(turn, step_id, answer.status, answer.message)

    def _asked(self, turn: Turn, step_id: str, report: ObjectiveReport) -> None:
        """What its owner says is no sign of life; it is asked again when nothing else is heard."""
        if report.state in following.ENDED:
            following.heard_outcome(turn, step_id, report, {})
        elif "grace" not in turn.step(step_id).alarms:
            turn.arm(step_id, check=turn.after(turn.plan.patience.check_seconds))

    def faulted(self, turn: Turn, step_id: str, fault: Fault) -> None:
        outcome.take_back(turn, turn.step(step_id), "the attempt failed")
        super().faulted(turn, step_id, fault)

    # --- what is heard and reported --------------------------------------------------------------------------------

    def heard(self, turn: Turn, step_id: str, arrived: EventArrived) -> None:
        report = arrived.event.about
        assert isinstance(report, ObjectiveReport)  # an AGENT_ACTION is addressed by its objectives alone
        following.pass_on(turn, turn.step(step_id), report)
        try:
            following.heard_of(turn, step_id, report)
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
            following.watch(turn, step_id)
        elif report.cost_usd is None:
            ask_meter(turn, changed(before, objective_id=before.objective_id or report.objective_id))

    def repeated(self, turn: Turn, step_id: str) -> None:
        if "heartbeat" in turn.step(step_id).alarms:
            following.watch(turn, step_id)

    # --- the clock -------------------------------------------------------------------------------------------------

    def rang(self, turn: Turn, step_id: str, alarm: str) -> None:
        match alarm:
            case "grace":
                following.finish_without_result(turn, step_id)
            case "heartbeat":
                outcome.take_back(turn, turn.step(step_id), "the agent gave no sign of life")
                outcome.fail(turn, step_id, "heartbeat_missed", "the agent gave no sign of life in time")
            case _:
                following.ask_owner(turn, step_id)

    def expired(self, turn: Turn, step_id: str) -> None:
        if "grace" in turn.step(step_id).alarms:
            return following.finish_without_result(turn, step_id)
        outcome.take_back(turn, turn.step(step_id), "the attempt timed out")
        return outcome.fail(turn, step_id, "timed_out", "the attempt reached its timeout")
