"""AGENT_ACTION with `config.items`: one objective per item of a list.

Starting it makes the items; `items` starts them and ends the step. Reports and events go to single items.
"""

from typing import Any

from service.domain import outcome
from service.domain.definition import Json, Payload
from service.domain.plan import StepPlan
from service.domain.scope import evaluate, evaluate_all
from service.domain.state import StepRun, StepState, item_key, step_of
from service.domain.steps.rules import StepRules
from service.domain.turn import Turn

MAX_ITEMS = 2000


class WithItems(StepRules):
    evaluates_input = False

    def timeout_seconds(self, planned: StepPlan) -> float:
        """A timeout bounds one attempt of one item."""
        return 0

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        step = turn.move(step_id, StepState.RUNNING, "started", **changes)
        if turn.items(step_id):
            return None  # begun anew by an operator: what is done stays done
        program = turn.planned(step_id).items
        assert program is not None  # that is what makes it a step with items
        values = evaluate(program, turn, step_id)
        if not isinstance(values, list):
            return outcome.fail_for_good(turn, step_id, "items_not_a_list", "config.items does not yield a list")
        if len(values) > MAX_ITEMS:
            message = f"config.items yields {len(values)} items, at most {MAX_ITEMS} are possible"
            return outcome.fail_for_good(turn, step_id, "too_many_items", message)
        made = [_item(turn, step, index, value) for index, value in enumerate(values)]
        turn.change_run(items={**turn.run.items, **{item.step_id: item for item in made}})
        return None

    def expired(self, turn: Turn, step_id: str) -> None:
        """The step itself has no deadline."""


def input_of(turn: Turn, item: StepRun) -> Payload:
    """What an item works on, made when it starts: all at once they would be as many copies of the step's input."""
    step, own = turn.run.steps[step_of(item.step_id)], {name: item.evidence[name] for name in ("item", "index")}
    expressions = turn.planned(item.step_id).input
    if expressions is None:
        return {**step.input_payload, **own}
    return evaluate_all(expressions, turn, step.step_id, own)


def _item(turn: Turn, step: StepRun, index: int, value: Json) -> StepRun:
    batch = index // int(turn.planned(step.step_id).config.get("batch_size", MAX_ITEMS))
    return StepRun(
        step_id=item_key(step.step_id, index),
        step_name=step.step_name,
        step_type=step.step_type,
        evidence={"batch": batch, "item": value, "index": index},
    )
