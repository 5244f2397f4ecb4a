"""HUMAN_TASK: a person does it and says so. A rejection or a missed deadline is final.

Starting it opens a task, which people claim, release and complete (see `tasks`); TransitionStep may end it as well.
What is handed in must satisfy the task's `form_schema`; every field that does not is named. Whoever has to do it is
reminded and told when it is overdue; not being able to tell never harms the step.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.domain import outcome
from service.domain.answers import Answer, Fault, NotificationSent
from service.domain.calls import SendNotification
from service.domain.commands import OURSELVES, TransitionStep
from service.domain.definition import Json, Payload
from service.domain.errors import Kind, Refusal
from service.domain.forms import violations
from service.domain.state import StepState, Task, TaskStatus
from service.domain.steps.rules import StepRules, Unwanted, links
from service.domain.turn import Turn

_TOLD = {"remind": "reminder", "overdue": "overdue"}


class HumanTask(StepRules):
    reports = frozenset({StepState.WAITING, StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        step = turn.move(step_id, StepState.WAITING, "waiting", **changes)
        task = _opened(turn, step_id)
        alarms: Mapping[str, datetime | None] = {"remind": task.remind_at, "overdue": task.due_at}
        turn.arm(step_id, **alarms)
        turn.change_run(tasks={**turn.run.tasks, step_id: task})
        form = {"form_schema": task.form_schema} if task.form_schema else {}
        turn.say(step_id, "question", OURSELVES, task.instructions or task.title, {**form, "task": step.step_id})

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        if not isinstance(answer, NotificationSent):
            super().answered(turn, step_id, answer)

    def faulted(self, turn: Turn, step_id: str, fault: Fault) -> None:
        raise Unwanted(fault.reason, fault.message)

    def rang(self, turn: Turn, step_id: str, alarm: str) -> None:
        task = turn.run.tasks[step_id]
        recipient = task.claimed_by or task.assignee or task.group
        if recipient:
            turn.owe(turn.step(step_id), _notice(turn, task, recipient, _TOLD[alarm]), alarm)

    def check_reporter(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        super().check_reporter(turn, step_id, report)
        if report.state is StepState.COMPLETED:
            check_form(turn, step_id, report.output_payload or {}, "output_payload")

    def reported_failure(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        message = report.error_message or "the task was rejected"
        outcome.fail_for_good(turn, step_id, "task_rejected", message, **links(turn, step_id, report))


def check_form(turn: Turn, step_id: str, output: Payload, field: str) -> None:
    """Raises Refusal, naming every place below the request's `field` that does not fit."""
    form = turn.planned(step_id).config.get("form_schema")
    if form is not None and (found := violations(form, output, field)):
        raise Refusal(Kind.INVALID, "form_mismatch", "the output does not satisfy the task's form", found)


def _opened(turn: Turn, step_id: str) -> Task:
    step, config = turn.step(step_id), turn.planned(step_id).config
    before = turn.run.tasks.get(step_id)
    return Task(
        step_id=step_id,
        attempt=step.attempt,
        status=TaskStatus.OPEN,
        title=config.get("title") or step.step_name or step_id,
        instructions=config.get("instructions", ""),
        form_schema=config.get("form_schema", {}),
        assignee=config.get("assignee", ""),
        group=config.get("group", ""),
        due_at=_in(turn, config.get("due_seconds")),
        remind_at=_in(turn, config.get("reminder_seconds")),
        version=before.version + 1 if before else 1,
        opened_at=turn.now,
    )


def _in(turn: Turn, seconds: int | None) -> datetime | None:
    return turn.after(seconds) if seconds else None


def _notice(turn: Turn, task: Task, recipient: str, kind: str) -> SendNotification:
    variables: dict[str, Json] = {"run_id": turn.run.id, "step_id": task.step_id, "title": task.title}
    if task.due_at:
        variables["due_at"] = task.due_at.isoformat()
    return SendNotification(
        recipient_id=recipient,
        channel="",
        priority="PRIORITY_HIGH" if kind == "overdue" else "",
        category="NOTIFICATION_CATEGORY_GENERAL",
        subject=f"{task.title}: {kind}",
        body=task.instructions,
        template=f"human_task_{kind}",
        variables=variables,
    )
