"""Child runs that undo themselves, because the step that started them is being undone.

A step may have started several: one per attempt, and what those of earlier attempts did counts as much as the latest.
Each is asked once for its own compensation, and what is known of that is kept in `evidence["undoing"]` by the child's
id. Called by `compensation`, which knows when a step's turn has come.
"""

from service.domain.calls import CompensateChild
from service.domain.commands import ChildEnded
from service.domain.effects import Owed
from service.domain.plan import StepPlan
from service.domain.state import StepRun
from service.domain.turn import Turn

ASKED, DONE, FAILED = "asked", "done", "failed"


def children(planned: StepPlan, step: StepRun) -> list[str]:
    """The runs the step has started and that are known, the latest first."""
    if "workflow" not in planned.config:
        return []
    latest = step.child_run_id
    return [*([latest] if latest else ()), *reversed(step.earlier_work)]


def left(planned: StepPlan, step: StepRun) -> list[str]:
    """Those that have not undone themselves yet."""
    return [child for child in children(planned, step) if words(step).get(child) != DONE]


def ask(turn: Turn, step_id: str) -> None:
    """Asks those that were not asked yet, or failed at it and are to try again."""
    step, known = turn.step(step_id), words(turn.step(step_id))
    fresh = [child for child in children(turn.planned(step_id), step) if child not in known]
    if not fresh:
        return
    step = turn.link(step_id, evidence={**step.evidence, "undoing": {**known, **dict.fromkeys(fresh, ASKED)}})
    for child in fresh:
        turn.owe(step, CompensateChild(child, turn.run.compensation["why"]), f"{turn.run.sequence}/{child}")


def told(turn: Turn, command: ChildEnded) -> None:
    """A child run says how its own compensation went."""
    _note(turn, command.step_id, command.child_run_id, command.undone)


def not_asked(turn: Turn, effect: Owed) -> None:
    """A child run could not be asked, or said no. Which one, the end of the effect's id says."""
    _note(turn, effect.step_id, effect.id.rpartition("/")[2], FAILED)


def ask_again(turn: Turn, step_id: str) -> None:
    """Forgets who failed, so that they are asked anew."""
    step = turn.step(step_id)
    if FAILED in words(step).values():
        kept = {child: word for child, word in words(step).items() if word != FAILED}
        turn.link(step_id, evidence={**step.evidence, "undoing": kept})


def words(step: StepRun) -> dict[str, str]:
    """What is known of each child that was asked."""
    known: dict[str, str] = step.evidence.get("undoing", {})
    return known


def _note(turn: Turn, step_id: str, child: str, word: str) -> None:
    step = turn.step(step_id)
    if words(step).get(child) == ASKED:
        turn.link(step_id, evidence={**step.evidence, "undoing": {**words(step), child: word}})
