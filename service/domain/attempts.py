"""The attempts of a step that are over: what is kept of each, in `evidence["attempts"]`.

A step run shows its latest attempt. What an earlier one was linked to and cost stays known, because news of it may come
late: its costs still count, and a run that it began can still be undone.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from service.domain.state import StepRun

OF_ONE_ATTEMPT = frozenset({"child_run_id", "approval", "governance"})
"""What a step's evidence says of an attempt and must not be taken for the next one's."""
REMEMBERED_ATTEMPTS = 50
"""How many attempts back a late cost is still taken; the sum holds all of them."""


def attempt_over(step: StepRun, cost: Decimal, reason: str) -> dict[str, Any]:
    """The changes that put an attempt behind a step which is to begin another: its cost is settled, what was linked to
    it is remembered as its own, and nothing of it is taken for the next one's."""
    links = dict.fromkeys(("objective_id", "delegation_id", "approval_request_id", "governance_decision"), "")
    return {**links, "cost_usd": cost, "settled_cost_usd": cost, "evidence": _remembered(step, cost, reason)}


def _remembered(step: StepRun, cost: Decimal, reason: str) -> dict[str, Any]:
    """The evidence of a step whose attempt is over, so that what its objective (or child run) cost still finds it."""
    past = {
        "attempt": step.attempt,
        "objective_id": step.objective_id or step.child_run_id,
        "delegation_id": step.delegation_id,
        "cost_usd": str(cost - step.settled_cost_usd),
        "error_reason": reason,
    }
    kept = {key: value for key, value in step.evidence.items() if key not in OF_ONE_ATTEMPT}
    return {**kept, "attempts": [*past_attempts(step), past][-REMEMBERED_ATTEMPTS:]}


def began_after_all(step: StepRun, attempt: int, objective_id: str = "", child_run_id: str = "") -> dict[str, Any]:
    """The changes of a step one of whose attempts was given up, and has yet created an objective or started a run.
    Empty where the attempt has another objective: somebody reported it."""
    if attempt != step.attempt or any(past["attempt"] == attempt for past in past_attempts(step)):
        attempts = noted(step, "attempt", attempt, objective_id=objective_id or child_run_id)
        return {"evidence": {**step.evidence, "attempts": attempts}}
    if child_run_id:
        return {"evidence": {**step.evidence, "child_run_id": child_run_id}}
    return {} if step.objective_id else {"objective_id": objective_id}


def noted(step: StepRun, key: str, value: object, **news: str) -> list[dict[str, Any]]:
    """The attempts that are over, with news of those that have this value."""
    return [{**past, **news} if past[key] == value else past for past in past_attempts(step)]


def past_attempts(step: StepRun) -> Sequence[dict[str, Any]]:
    """Oldest first."""
    found: Sequence[dict[str, Any]] = step.evidence.get("attempts", ())
    return found
