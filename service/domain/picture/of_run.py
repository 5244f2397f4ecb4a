"""A run drawn on its version's graph: states by tone, the way it took, times, costs and tries.

A step is a box with its name, its state and, once it has begun, how long it took and what it cost. Steps that undo
others hang at those, as soon as they are part of the run.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from service.domain.flow import EdgeFate, fate
from service.domain.picture.drawing import Arrow, Box, Drawing, Stroke, Tone
from service.domain.plan import Plan
from service.domain.state import Run, StepRun
from service.domain.turn import Turn

STROKES = {EdgeFate.TAKEN: Stroke.TAKEN, EdgeFate.DEAD: Stroke.DEAD, EdgeFate.OPEN: Stroke.OPEN}


def of_run(plan: Plan, run: Run, now: datetime) -> Drawing:
    turn = Turn(plan, run, now)
    names = {step_id: f"s{index}" for index, step_id in enumerate(run.steps)}
    boxes = tuple(_box(turn, names[step_id], step) for step_id, step in run.steps.items())
    title = f"{run.id}: {run.state}, ${run.total_cost_usd.normalize():f}"
    return Drawing(title, _subtitle(run, now), boxes, tuple(_arrows(turn, names)))


def _subtitle(run: Run, now: datetime) -> str:
    version = f"version {run.definition_version} of {run.definition_id}"
    if run.started_at is None:
        return version
    taken = _duration((run.completed_at or now) - run.started_at)
    return f"{version}, started {run.started_at:%Y-%m-%d %H:%M:%S} UTC, {taken}"


def _arrows(turn: Turn, names: dict[str, str]) -> Iterator[Arrow]:
    for edge in turn.plan.version.edges:
        yield Arrow(names[edge.from_step_id], names[edge.to_step_id], edge.label, STROKES[fate(turn, edge)])
    for undoing, undone in turn.plan.graph.undoes.items():
        if undoing in names:
            yield Arrow(names[undone], names[undoing], Stroke.UNDOES.value, Stroke.UNDOES)


def _box(turn: Turn, name: str, step: StepRun) -> Box:
    status = step.state.value
    if items := turn.items(step.step_id):
        status += f", {sum(item.state.terminal for item in items)} of {len(items)} items"
    if step.retry_count:
        status += f", retry {step.retry_count}"
    kind = step.step_type.replace("_", " ").lower()
    return Box(name, step.step_name or step.step_id, kind, status, _spent(turn, step), Tone[step.state])


def _spent(turn: Turn, step: StepRun) -> str:
    spent = [_duration((step.completed_at or turn.now) - step.started_at)] if step.started_at else []
    if step.cost_usd:
        spent.append(f"${step.cost_usd.normalize():f}")
    return ", ".join(spent)


def _duration(taken: timedelta) -> str:
    """To a tenth below a minute, else to the second."""
    seconds = max(taken.total_seconds(), 0.0)
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
