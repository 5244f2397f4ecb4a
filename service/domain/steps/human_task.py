"""HUMAN_TASK: a person does it and says so. A rejection or a missed deadline is final.

What a person hands in must satisfy the task's `form_schema`; every field that does not is named.
"""

from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry

from service.domain import outcome
from service.domain.commands import TransitionStep
from service.domain.errors import Kind, Refusal, Violation
from service.domain.state import StepState
from service.domain.steps.rules import StepRules, links
from service.domain.turn import Turn


class HumanTask(StepRules):
    reports = frozenset({StepState.WAITING, StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        turn.move(step_id, StepState.WAITING, "waiting", **changes)

    def check_reporter(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        super().check_reporter(turn, step_id, report)
        form = turn.planned(step_id).config.get("form_schema")
        if form is not None and report.state is StepState.COMPLETED:
            _check_form(form, report.output_payload or {})

    def reported_failure(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        message = report.error_message or "the task was rejected"
        outcome.fail_for_good(turn, step_id, "task_rejected", message, **links(turn, step_id, report))


def _check_form(form: Any, output: Any) -> None:
    """The empty registry keeps a form from fetching anything."""
    validator = Draft202012Validator(form, registry=Registry())
    found = tuple(
        Violation(_path(error.absolute_path), "form_mismatch", f"does not satisfy {error.validator!r} of the form")
        for error in validator.iter_errors(output)
    )
    if found:
        raise Refusal(Kind.INVALID, "form_mismatch", "the output does not satisfy the task's form", found)


def _path(parts: Any) -> str:
    return ".".join(["output_payload", *(str(part) for part in parts)])
