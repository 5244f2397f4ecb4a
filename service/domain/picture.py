"""The path of a run through its version's graph, as text that Mermaid or Graphviz draws.

A step is a box with its name, its state and, once it has begun, how long it took and what it cost; the colour tells the
state. An edge that was taken is thick, one that was not is dotted, one that is not decided yet is plain. Steps that
undo others hang at those by a dashed line, as soon as they are part of the run. Called for operators, through the edge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.flow import Fate, fate
from service.domain.plan import Plan
from service.domain.state import Run, StepRun, StepState
from service.domain.turn import Turn


class Format(StrEnum):
    MERMAID = "MERMAID"
    DOT = "DOT"


COLOURS = {
    StepState.PENDING: "#ffffff",
    StepState.RUNNING: "#bbdefb",
    StepState.WAITING: "#fff9c4",
    StepState.COMPLETED: "#c8e6c9",
    StepState.FAILED: "#ffcdd2",
    StepState.SKIPPED: "#eeeeee",
    StepState.COMPENSATED: "#d1c4e9",
    StepState.CANCELLED: "#cfd8dc",
}


@dataclass(frozen=True, slots=True)
class _Box:
    name: str  # in the drawing's own language
    lines: tuple[str, ...]
    state: StepState


@dataclass(frozen=True, slots=True)
class _Arrow:
    """`fate` is None from a step to the one that undoes it."""

    source: str
    target: str
    label: str
    fate: Fate | None


@dataclass(frozen=True, slots=True)
class _Drawing:
    title: str
    boxes: tuple[_Box, ...]
    arrows: tuple[_Arrow, ...]


def picture(plan: Plan, run: Run, now: datetime, wanted: Format) -> str:
    drawing = _drawing(plan, run, now)
    lines = _mermaid(drawing) if wanted is Format.MERMAID else _dot(drawing)
    return "\n".join(lines) + "\n"


def _drawing(plan: Plan, run: Run, now: datetime) -> _Drawing:
    turn = Turn(plan, run, now)
    names = {step_id: f"s{index}" for index, step_id in enumerate(run.steps)}
    boxes = tuple(_Box(names[step_id], _lines(turn, step), step.state) for step_id, step in run.steps.items())
    title = f"{run.id}: {run.state}, ${run.total_cost_usd.normalize():f}"
    return _Drawing(title, boxes, tuple(_arrows(turn, names)))


def _arrows(turn: Turn, names: dict[str, str]) -> Iterator[_Arrow]:
    for edge in turn.plan.version.edges:
        yield _Arrow(names[edge.from_step_id], names[edge.to_step_id], edge.label, fate(turn, edge))
    for undoing, undone in turn.plan.graph.undoes.items():
        if undoing in names:
            yield _Arrow(names[undone], names[undoing], "undone by", None)


def _lines(turn: Turn, step: StepRun) -> tuple[str, ...]:
    state = step.state.value
    if items := turn.items(step.step_id):
        state += f", {sum(item.state.terminal for item in items)} of {len(items)} items"
    if step.retry_count:
        state += f", retry {step.retry_count}"
    spent = [_duration((step.completed_at or turn.now) - step.started_at)] if step.started_at else []
    if step.cost_usd:
        spent.append(f"${step.cost_usd.normalize():f}")
    return tuple(line for line in (step.step_name or step.step_id, state, ", ".join(spent)) if line)


def _duration(taken: timedelta) -> str:
    """To a tenth below a minute, else to the second."""
    seconds = max(taken.total_seconds(), 0.0)
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


# --- Mermaid ---------------------------------------------------------------------------------------------------------

_MERMAID_ARROWS = {Fate.TAKEN: "==>", Fate.DEAD: "-.->", Fate.OPEN: "-->", None: "-.-"}
_MERMAID_CODES = str.maketrans({char: f"#{ord(char)};" for char in '#"<>&`\\'} | dict.fromkeys("\r\n\t", " "))


def _mermaid(drawing: _Drawing) -> Iterator[str]:
    yield from ("---", f"title: {drawing.title!r}", "---", "flowchart TD")
    for box in drawing.boxes:
        text = "<br/>".join(line.translate(_MERMAID_CODES) for line in box.lines)
        yield f'  {box.name}["{text}"]:::{box.state.lower()}'
    for arrow in drawing.arrows:
        label = f'|"{arrow.label.translate(_MERMAID_CODES)}"|' if arrow.label else ""
        yield f"  {arrow.source} {_MERMAID_ARROWS[arrow.fate]}{label} {arrow.target}"
    for state in sorted({box.state for box in drawing.boxes}):
        yield f"  classDef {state.lower()} fill:{COLOURS[state]},stroke:#555,color:#111"


# --- DOT -------------------------------------------------------------------------------------------------------------

_DOT_STYLES = {Fate.TAKEN: "bold", Fate.DEAD: "dotted", Fate.OPEN: "solid", None: "dashed"}
_DOT_CODES = str.maketrans({'"': '\\"', "\\": "\\\\"} | dict.fromkeys("\r\n\t", " "))


def _dot(drawing: _Drawing) -> Iterator[str]:
    yield "digraph run {"
    yield f"  label={_quoted(drawing.title)}; labelloc=t; node [shape=box, style=filled, fontname=Helvetica]"
    for box in drawing.boxes:
        yield f'  {box.name} [label={_quoted(*box.lines)}, fillcolor="{COLOURS[box.state]}"]'
    for arrow in drawing.arrows:
        label = f", label={_quoted(arrow.label)}" if arrow.label else ""
        yield f"  {arrow.source} -> {arrow.target} [style={_DOT_STYLES[arrow.fate]}{label}]"
    yield "}"


def _quoted(*lines: str) -> str:
    text = "\\n".join(line.translate(_DOT_CODES) for line in lines)
    return f'"{text}"'
