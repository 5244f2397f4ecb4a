"""What operators ask about runs, as the wire's messages. It trusts the domain and cannot fail."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from workflows.ops.v1 import runs_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.bulk import Chosen, Controlled
from service.domain.explain import Explanation, StepExplained, Tried
from service.domain.run_history import History, RunAudit, RunEvent
from service.domain.run_search import FoundRun, FoundRuns
from service.domain.state import Run
from service.domain.undo_preview import ToUndo
from service.domain.waiting import Waiting
from service.edge.wire import enums, payloads
from service.edge.wire.moments import moment
from service.edge.workflows import run_messages


def preview(levels: Sequence[Sequence[ToUndo]]) -> ops.PreviewCompensationResponse:
    return ops.PreviewCompensationResponse(
        levels=[ops.CompensationLevel(steps=map(_planned, level)) for level in levels]
    )


def _planned(value: ToUndo) -> ops.PlannedCompensation:
    return ops.PlannedCompensation(
        step_id=value.step_id,
        state=enums.STEP_STATE[value.state],
        compensation_step_id=value.compensation_step_id,
        child_run_ids=value.child_run_ids,
        attempted_before=value.attempted_before,
    )


# --- what a run waits for --------------------------------------------------------------------------------------------


def explanation(value: Explanation) -> ops.ExplainRunResponse:
    run = value.run
    return ops.ExplainRunResponse(
        run_id=run.id,
        state=enums.RUN_STATE[run.state],
        summary=value.explained.summary,
        drained=run.drained,
        pauses=_pauses(run),
        deadline_at=moment(None if run.state.terminal else run.deadline_at),
        steps=map(_explained, value.explained.steps),
        owed=map(_owed, value.owed),
    )


def _pauses(run: Run) -> Iterator[ops.RunPause]:
    for source, said in run.pauses.items():
        at = moment(datetime.fromisoformat(said["at"]))
        yield ops.RunPause(source=source, by=said["by"], reason=said["reason"], at=at)


def _explained(value: StepExplained) -> ops.ExplainedStep:
    return ops.ExplainedStep(
        step_id=value.step_id,
        state=enums.STEP_STATE[value.state],
        since=moment(value.since),
        waits=map(_wait, value.waits),
    )


def _wait(value: Waiting) -> ops.StepWait:
    message = ops.StepWait(kind=value.kind, what=value.what, until=moment(value.until), unblock=value.unblock)
    if value.details:
        message.details.ParseFromString(payloads.write(value.details))
    return message


def _owed(value: Tried) -> ops.OwedCall:
    return ops.OwedCall(
        step_id=value.step_id,
        kind=value.kind,
        tries=value.tries,
        last_error=value.last_error,
        due_at=moment(value.due_at),
    )


# --- what happened to it ---------------------------------------------------------------------------------------------


def history(value: History) -> ops.ListRunEventsResponse:
    return ops.ListRunEventsResponse(events=map(event, value.events), audits=map(_audit, value.audits))


def event(value: RunEvent) -> ops.RunEvent:
    return ops.RunEvent(
        sequence=value.sequence,
        aggregate=value.aggregate,
        operation=value.operation,
        step_id=value.step_id,
        actor=value.actor,
        cause=value.cause,
        recorded_at=moment(value.recorded_at),
        published_at=moment(value.published_at),
    )


def _audit(value: RunAudit) -> ops.RunAudit:
    return ops.RunAudit(
        id=value.id,
        step_id=value.step_id,
        command=value.command,
        reason=value.reason,
        message=value.message,
        actor=value.actor,
        cause=value.cause,
        at=moment(value.at),
    )


# --- finding runs ----------------------------------------------------------------------------------------------------


def found(value: FoundRuns, next_page_token: str) -> ops.SearchRunsResponse:
    return ops.SearchRunsResponse(runs=map(_found, value.runs), next_page_token=next_page_token)


def _found(value: FoundRun) -> ops.FoundRun:
    return ops.FoundRun(
        run=pb.WorkflowRun.FromString(run_messages.run_head(value.run)),
        failure_reason=value.run.failure_reason,
        failure_message=value.run.failure_message,
        open_step_ids=value.open_step_ids,
    )


# --- controlling many ------------------------------------------------------------------------------------------------


def controlled(chosen: Chosen, results: Sequence[Controlled], next_page_token: str) -> ops.ControlRunsResponse:
    return ops.ControlRunsResponse(
        matched=chosen.matched, results=map(_controlled, results), next_page_token=next_page_token
    )


def _controlled(value: Controlled) -> ops.ControlledRun:
    return ops.ControlledRun(
        run_id=value.run_id,
        outcome=enums.CONTROL_OUTCOME[value.outcome] if value.outcome else ops.CONTROL_OUTCOME_UNSPECIFIED,
        reason=value.reason,
        message=value.message,
        state=enums.RUN_STATE[value.state],
    )
