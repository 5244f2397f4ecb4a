"""Beginning an attempt of a step or of an item, by the rules of its kind."""

from typing import Any

from service.domain.definition import Payload
from service.domain.expression_faults import ExpressionError
from service.domain.outcome import fail_for_good
from service.domain.scope import evaluate_all
from service.domain.state import StepState
from service.domain.steps import rules_of
from service.domain.steps.with_items import input_of
from service.domain.turn import Turn


def start(turn: Turn, key: str, payload: Payload) -> None:
    """Begins a new attempt of a PENDING step or item."""
    planned, rules = turn.planned(key), rules_of(turn, key)
    changes: dict[str, Any] = {"attempt": turn.step(key).attempt + 1, "input_payload": payload}
    if seconds := rules.timeout_seconds(planned):
        changes["deadline_at"] = turn.after(seconds)
    try:
        if key in turn.run.items:
            changes["input_payload"] = input_of(turn, turn.run.items[key])
        elif planned.input is not None and rules.evaluates_input:
            changes["input_payload"] = evaluate_all(planned.input, turn, key)
        rules.start(turn, key, changes)
    except ExpressionError as error:
        _begin_if_pending(turn, key, changes)
        fail_for_good(turn, key, "condition_error", str(error))


def _begin_if_pending(turn: Turn, key: str, changes: dict[str, Any]) -> None:
    if turn.step(key).state is StepState.PENDING:
        turn.move(key, StepState.RUNNING, "started", **changes)
