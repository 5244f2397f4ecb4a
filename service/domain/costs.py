"""What an attempt cost, from whoever said so; the sum of a step is the sum of its attempts.

A report counts for the attempt whose objective it names, also for one that is over, and replaces what was known of that
attempt, so nothing is counted twice. The meter is the last source: its sum counts only where nobody else said anything.
It is asked when an objective ends without a cost, and once more later, for records that were written late; when one is
cancelled, only later.
"""

from decimal import Decimal
from typing import Any

from service.domain.answers import UsageReported
from service.domain.attempts import noted, past_attempts
from service.domain.calls import QueryUsage
from service.domain.state import ZERO, StepRun
from service.domain.turn import Turn

LATE_SECONDS = 300.0


def attempt_cost(step: StepRun, cost: Decimal | None) -> Decimal:
    """The step's cost when this attempt's total is `cost`; unchanged when nothing was said."""
    return step.cost_usd if cost is None else step.settled_cost_usd + cost


def of_objective(step: StepRun, objective_id: str, cost: Decimal | None) -> dict[str, Any]:
    """The changes that say what an objective cost; empty when that is known already or it is none of this step's."""
    if cost is None or not objective_id:
        return {}
    if objective_id == step.objective_id:
        total = attempt_cost(step, cost)
        return {"cost_usd": total} if total != step.cost_usd else {}
    return _of_earlier(step, objective_id, cost)


def ask_meter(turn: Turn, step: StepRun) -> None:
    """Call when an objective has ended and its cost may be known to nobody but the meter."""
    if _cost_unknown(step):
        turn.owe(step, QueryUsage(step.objective_id))
    ask_meter_later(turn, step)


def ask_meter_later(turn: Turn, step: StepRun) -> None:
    """Call when an objective is being cancelled: the meter knows what it cost when that has been done."""
    if _cost_unknown(step):
        turn.owe(step, QueryUsage(step.objective_id), "late", LATE_SECONDS)


def metered(turn: Turn, key: str, answer: UsageReported) -> None:
    """Takes the meter's sum, if nobody better informed has spoken."""
    step = turn.step(key)
    before = step.evidence.get("metered", {})
    known = _known(step, answer.objective_id)
    if not answer.records or known not in (ZERO, Decimal(before.get(answer.objective_id, "0"))):
        return
    changes = of_objective(step, answer.objective_id, answer.cost_usd)
    if changes:
        evidence = {**step.evidence, **changes.pop("evidence", {})}
        evidence["metered"] = {**before, answer.objective_id: str(answer.cost_usd)}
        turn.link(key, evidence=evidence, **changes)


def _cost_unknown(step: StepRun) -> bool:
    return step.objective_id != "" and step.cost_usd == step.settled_cost_usd


def _known(step: StepRun, objective_id: str) -> Decimal:
    if objective_id == step.objective_id:
        return step.cost_usd - step.settled_cost_usd
    known = (past["cost_usd"] for past in past_attempts(step) if past["objective_id"] == objective_id)
    return Decimal(next(known, ZERO))


def _of_earlier(step: StepRun, objective_id: str, cost: Decimal) -> dict[str, Any]:
    more = cost - _known(step, objective_id)
    if not more or objective_id not in step.earlier_work:
        return {}
    return {
        "evidence": {**step.evidence, "attempts": noted(step, "objective_id", objective_id, cost_usd=str(cost))},
        "cost_usd": step.cost_usd + more,
        "settled_cost_usd": step.settled_cost_usd + more,
    }
