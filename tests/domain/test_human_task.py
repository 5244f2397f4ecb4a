"""HUMAN_TASK: the task it opens, its form, reminders, and that the task ends whenever its step does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from service.domain.answers import NotificationSent
from service.domain.calls import SendNotification
from service.domain.commands import CancelRun, CompleteTask
from service.domain.decision import Ignored
from service.domain.definition import RetryPolicy
from service.domain.errors import Refusal
from service.domain.state import StepState, Task, TaskStatus
from tests.builders import BAD, DOWN, NOW, Story, alone, step, version

FORM = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}


def task(**config: Any) -> Story:
    return alone(step("h", config=config))


# --- what it opens ---------------------------------------------------------------------------------------------------


def test_a_task_is_opened_with_all_that_is_said_of_it() -> None:
    story = task(
        title="Review",
        instructions="Look twice.",
        form_schema=FORM,
        assignee="mia",
        group="sales",
        due_seconds=600,
        reminder_seconds=300,
    )
    assert story.states() == {"h": "WAITING"}
    assert story.run.tasks["h"] == Task(
        step_id="h",
        attempt=1,
        status=TaskStatus.OPEN,
        title="Review",
        instructions="Look twice.",
        form_schema=FORM,
        assignee="mia",
        group="sales",
        due_at=NOW + timedelta(seconds=600),
        remind_at=NOW + timedelta(seconds=300),
        opened_at=NOW,
    )


def test_the_steps_name_is_the_title_when_nothing_is_said() -> None:
    found = task().run.tasks["h"]
    assert (found.title, found.due_at, found.remind_at) == ("H", None, None)


def test_a_task_is_a_question_in_the_conversation() -> None:
    (entry,) = task(instructions="Look twice.", form_schema=FORM).said
    assert (entry.step_id, entry.kind, entry.text) == ("h", "question", "Look twice.")
    assert entry.body == {"form_schema": FORM, "task": "h"}


# --- its form --------------------------------------------------------------------------------------------------------


def test_what_a_person_hands_in_must_satisfy_the_form() -> None:
    story = task(form_schema=FORM)
    refused = story.complete("h", score="high")
    assert isinstance(refused, Refusal)
    assert [violation.path for violation in refused.violations] == ["output_payload.score"]
    assert story.states() == {"h": "WAITING"}
    story.complete("h", score=3)
    assert (story.state, story["h"].output_payload) == ("COMPLETED", {"score": 3})


def test_the_form_holds_for_a_command_to_the_task_too() -> None:
    story = task(form_schema=FORM)
    refused = story.do(CompleteTask("h", 1, "mia", {}))
    assert isinstance(refused, Refusal)
    assert [violation.reason for violation in refused.violations] == ["form_mismatch"]
    assert story.run.tasks["h"].status is TaskStatus.OPEN
    assert len(story.said) == 1


# --- reminders -------------------------------------------------------------------------------------------------------


def test_whoever_has_to_do_it_is_reminded_and_told_when_it_is_overdue() -> None:
    story = task(title="Review", instructions="Look twice.", assignee="mia", reminder_seconds=300, due_seconds=600)
    told = story.told()
    story.wait(300)
    due = (NOW + timedelta(seconds=600)).isoformat()
    variables = {"run_id": "wfr_1", "step_id": "h", "title": "Review", "due_at": due}
    assert story.calls(SendNotification) == [
        SendNotification(
            recipient_id="mia",
            channel="",
            priority="",
            category="NOTIFICATION_CATEGORY_GENERAL",
            subject="Review: reminder",
            body="Look twice.",
            template="human_task_reminder",
            variables=variables,
        )
    ]
    story.answer("h/1/SendNotification/remind", NotificationSent("ntf_1"))
    story.wait(300)
    overdue = story.calls(SendNotification)[-1]
    assert (overdue.template, overdue.priority) == ("human_task_overdue", "PRIORITY_HIGH")
    story.wait(3600)
    assert len(story.calls(SendNotification)) == 2
    assert (story.states(), story.told()) == ({"h": "WAITING"}, told)


def test_a_group_is_told_when_there_is_no_person_and_nobody_when_there_is_no_group() -> None:
    story = task(group="sales", due_seconds=60)
    story.wait(60)
    assert [call.recipient_id for call in story.calls(SendNotification)] == ["sales"]
    nobody = task(due_seconds=60)
    nobody.wait(60)
    assert nobody.calls(SendNotification) == []


def test_not_being_able_to_tell_never_harms_the_step() -> None:
    story = task(assignee="mia", due_seconds=60)
    story.wait(60)
    story.fault("h/1/SendNotification/overdue", DOWN)
    assert [later.effect.id for later in story.last.postponed] == ["h/1/SendNotification/overdue"]
    verdict = story.fault("h/1/SendNotification/overdue", BAD)
    assert verdict == Ignored("invalid")
    assert story.audits[-1].message == "malformed"
    assert (story.states(), story.owed) == ({"h": "WAITING"}, {})


def test_a_task_that_has_ended_reminds_nobody() -> None:
    story = Story(version([step("h", config={"assignee": "mia", "reminder_seconds": 60}), step("other")]))
    story.complete("h")
    story.wait(60)
    assert story.calls(SendNotification) == []


# --- how it ends -----------------------------------------------------------------------------------------------------


def complete(story: Story) -> None:
    story.complete("h")


def reject(story: Story) -> None:
    story.report("h", StepState.FAILED, error_message="will not")


def time_out(story: Story) -> None:
    story.wait(60)


def cancel(story: Story) -> None:
    story.do(CancelRun("no"))


def fail_the_run(story: Story) -> None:
    story.report("other", StepState.FAILED)


@pytest.mark.parametrize("continues", [False, True])
@pytest.mark.parametrize(
    ("end", "status"),
    [
        (complete, TaskStatus.COMPLETED),
        (reject, TaskStatus.REJECTED),
        (time_out, TaskStatus.CANCELLED),
        (cancel, TaskStatus.CANCELLED),
        (fail_the_run, TaskStatus.CANCELLED),
    ],
)
def test_a_task_ends_with_its_step(end: Callable[[Story], None], status: TaskStatus, continues: bool) -> None:
    config = {"on_failure": "continue"} if continues else {}
    story = Story(version([step("h", timeout_seconds=60, config=config), step("other")]))
    end(story)
    found = story.run.tasks["h"]
    assert story["h"].state.terminal
    assert (found.status, found.closed_at, found.version) == (status, story.now, 2)


@pytest.mark.parametrize(("end", "reason"), [(reject, "task_rejected"), (time_out, "timed_out")])
def test_a_rejection_and_a_missed_deadline_are_final(end: Callable[[Story], None], reason: str) -> None:
    story = alone(step("h", timeout_seconds=60, retry_policy=RetryPolicy(3, 1, 1.0)))
    end(story)
    assert (story.state, story["h"].error_reason) == ("FAILED", reason)


def test_a_form_takes_no_longer_than_what_it_checks() -> None:
    """A pattern that backtracks for ever elsewhere, and entries that are compared one with each other."""
    form = {"properties": {"a": {"pattern": "^(a+)+$"}, "b": {"uniqueItems": True}}}
    story = alone(step("h", config={"form_schema": form}))
    refused = story.complete("h", a="a" * 40 + "!", b=[{"n": n} for n in range(2000)] + [{"n": 0}])
    assert isinstance(refused, Refusal)
    assert {violation.path for violation in refused.violations} == {"output_payload.a", "output_payload.b"}
