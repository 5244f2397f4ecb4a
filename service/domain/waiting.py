"""What one step waits for: everything that could move it, in words that can be acted on.

Derived from the step's row and its version alone, so it cannot disagree with them. An item of a list is asked like a
step; the step it belongs to tells of all its items in one `Waiting`. Kinds are stable words, listed at `StepWait` on
the wire. Called by `explain`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from service.domain import undoing
from service.domain.commands import CALLER
from service.domain.compensation import left_to_undo
from service.domain.definition import Json, Payload, StepType
from service.domain.expression_faults import ExpressionError
from service.domain.flow import EdgeFate, fate
from service.domain.ids import task_id
from service.domain.scope import evaluate
from service.domain.state import RunState, StepRun, StepState
from service.domain.turn import Turn
from service.domain.waits import correlation

LONGEST = 120
"""Characters of an expression or a value in a sentence."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`what` reads on from "waits for"; `unblock` is what would end it, `until` when the clock will."""

    kind: str
    what: str
    unblock: str
    until: datetime | None = None
    details: Payload = field(default_factory=dict)


def waits_of(turn: Turn, step: StepRun) -> Iterable[Waiting]:
    """A step that has ended waits as well, while its run is COMPENSATING and it is still to be undone."""
    if step.state.terminal:
        yield _undoing(turn, step)
    elif step.state is StepState.PENDING:
        yield from _before(turn, step)
    else:
        yield from _open(turn, step)


# --- before it begins, again or at all -------------------------------------------------------------------------------


def _before(turn: Turn, step: StepRun) -> Iterable[Waiting]:
    if turn.run.state is RunState.PAUSED:
        by_caller = CALLER in turn.run.pauses
        yield Waiting("pause", "the run to be resumed", "ResumeRun" if by_caller else "ResumeRun of the parent run")
    if step.attempt:
        what = f"retry {step.retry_count} after {step.error_reason}: {step.error_message}"
        details = {"retry": step.retry_count, "error_reason": step.error_reason}
        yield Waiting("retry", what, "the clock", step.retry_at, details)
    elif step.step_id in turn.run.items:
        yield Waiting("turn", "its turn", "an item before it ends")
    elif before := _predecessors(turn, step):
        yield Waiting("predecessors", ", ".join(before), "they end", details={"steps": before})


def _predecessors(turn: Turn, step: StepRun) -> list[str]:
    edges = turn.plan.graph.incoming.get(step.step_id, ())
    return sorted({edge.from_step_id for edge in edges if fate(turn, edge) is EdgeFate.OPEN})


# --- while it is open ------------------------------------------------------------------------------------------------


def _open(turn: Turn, step: StepRun) -> Iterable[Waiting]:
    found = _of_type(turn, step)
    yield found
    if step.deadline_at and found.kind != "delay":
        yield Waiting("timeout", "the attempt's timeout", "the clock: then the attempt is over", step.deadline_at)


def _of_type(turn: Turn, step: StepRun) -> Waiting:
    match step.step_type:
        case StepType.AGENT_ACTION:
            return _work(turn, step)
        case StepType.APPROVAL_GATE | StepType.GOVERNANCE_CHECK:
            return _decision(turn, step)
        case StepType.WAIT_FOR_EVENT:
            return _event(turn, step)
        case StepType.HUMAN_TASK:
            return _person(turn, step)
        case StepType.NOTIFICATION:
            return Waiting("notification", "the notification to be sent", "the notifications service answers")
        case StepType.PARALLEL | StepType.BRANCH:  # a BRANCH decides at once and is never met here
            return _children(turn, step)


def _work(turn: Turn, step: StepRun) -> Waiting:
    if items := turn.items(step.step_id):
        return _items(turn, items)
    if "workflow" in turn.planned(step.step_id).config:
        return _child_run(step)
    if "grace" in step.alarms:
        return Waiting("result", "the result of a completed objective", "a report of it", step.alarms["grace"])
    if step.objective_id:
        details = {"objective_id": step.objective_id, "agent_id": step.agent_id}
        what = f"objective {step.objective_id} of agent {step.agent_id}"
        return Waiting("objective", what, "it ends, or TransitionStep", step.alarms.get("heartbeat"), details)
    return Waiting("preparation", "its objective to be created", "the agents and objectives services answer")


def _items(turn: Turn, items: Sequence[StepRun]) -> Waiting:
    waits = [wait for item in items if not item.state.terminal for wait in waits_of(turn, item)]
    ended = sum(item.state.terminal for item in items)
    details: dict[str, Json] = {
        "items": len(items),
        "ended": ended,
        "failed": sum(item.state is StepState.FAILED for item in items),
        "waits": dict(Counter(wait.kind for wait in waits if wait.kind != "timeout")),
    }
    until = min((wait.until for wait in waits if wait.until), default=None)
    return Waiting("items", f"{len(items) - ended} of {len(items)} items", "they end", until, details)


def _child_run(step: StepRun) -> Waiting:
    child = step.child_run_id
    if not child:
        return Waiting("preparation", "its child run to be started", "the definition of the child run can be started")
    return Waiting("run", f"run {child}", "that run ends", details={"run_id": child})


def _decision(turn: Turn, step: StepRun) -> Waiting:
    record = step.evidence.get("approval")
    if record is None:
        return Waiting("governance", "governance to decide", "the governance service answers")
    if not step.approval_request_id:
        return Waiting("preparation", "its approval to be requested", "the approvals service answers")
    approver = turn.planned(step.step_id).config.get("approver_user_id", "")
    details = {**record, "approval_request_id": step.approval_request_id, "approver": approver}
    if reasons := step.evidence.get("governance"):
        details["governance"] = reasons
    by = f" by {approver}" if approver else ""
    return Waiting("approval", f"approval {step.approval_request_id}{by}", "a decision", details=_said(details))


def _event(turn: Turn, step: StepRun) -> Waiting:
    definition, config = turn.planned(step.step_id).definition, turn.planned(step.step_id).config
    pattern = definition.event_type_pattern or definition.event_subject_pattern
    if not pattern:
        return Waiting("delay", "the time to pass", "the clock", step.deadline_at)
    wanted = {
        "type": definition.event_type_pattern,
        "subject": definition.event_subject_pattern,
        "filter": config.get("filter_expr"),
        "correlate": _correlate(turn, step),
    }
    return Waiting("event", _which(pattern, wanted), "such an event, or TransitionStep", details=_said(wanted))


def _correlate(turn: Turn, step: StepRun) -> dict[str, Json]:
    """As the version says it, with the `value` that the event has to have if that is short."""
    planned = turn.planned(step.step_id)
    if planned.correlation is None:
        return {}
    said = dict(planned.config["correlate"])
    with suppress(ExpressionError):
        value = evaluate(planned.correlation.run, turn, step.step_id)
        began_with = correlation(planned.correlation.event.source, value) == step.evidence.get("correlation")
        if began_with and len(_json(value)) <= LONGEST:
            said["value"] = value
    return said


def _which(pattern: str, wanted: Payload) -> str:
    said, correlate = [f"an event {pattern}"], wanted["correlate"]
    if correlate:
        value = _json(correlate["value"]) if "value" in correlate else correlate["run"]
        said.append(f"with {_brief(correlate['event'])} = {_brief(value)}")
    if wanted["filter"]:
        said.append(f"where {_brief(wanted['filter'])}")
    return " ".join(said)


def _json(value: Json) -> str:
    return orjson.dumps(value).decode()


def _brief(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _person(turn: Turn, step: StepRun) -> Waiting:
    task = turn.run.tasks[step.step_id]
    who = task.claimed_by or task.assignee or (f"somebody of {task.group}" if task.group else "anybody")
    details = {
        "task_id": task_id(turn.run.id, step.step_id),
        "status": task.status.value,
        "claimed_by": task.claimed_by,
    }
    what = f"{who} to do {task.title!r}"
    return Waiting("person", what, "CompleteTask, RejectTask or TransitionStep", task.due_at, _said(details))


def _children(turn: Turn, step: StepRun) -> Waiting:
    children = [edge.to_step_id for edge in turn.plan.graph.outgoing.get(step.step_id, ())]
    going = [step_id for step_id in children if not turn.step(step_id).state.terminal]
    return Waiting("children", ", ".join(going), "they end", details={"steps": going})


def _said(details: Payload) -> dict[str, Json]:
    return {key: value for key, value in details.items() if value}


# --- to be undone ----------------------------------------------------------------------------------------------------


def _undoing(turn: Turn, step: StepRun) -> Waiting:
    later = [other for other in left_to_undo(turn.plan, turn.run) if step.step_id in turn.plan.graph.upstream[other]]
    if later:
        return Waiting("later_steps", ", ".join(later), "they are undone first", details={"steps": later})
    if by := turn.planned(step.step_id).definition.compensation_step_id:
        return Waiting("compensation", f"{by}, which undoes it", "that step ends", details={"step_id": by})
    children = undoing.left(turn.planned(step.step_id), step)
    what = f"run {', '.join(children)} to undo itself"
    return Waiting("run", what, "that run's compensation ends", details={"run_id": children[0], "run_ids": children})
