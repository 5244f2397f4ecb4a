"""A graph ready to be drawn in any format: boxes with texts and a tone, arrows with a stroke.

What is drawn (`of_run`, `of_version`) is decided before how (`mermaid`, `dot`, `svg`). Texts are as people wrote them,
so each format cleans and escapes them in its own way; names of boxes are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum


class Format(StrEnum):
    MERMAID = "MERMAID"
    DOT = "DOT"
    SVG = "SVG"


class Stroke(Enum):
    """What has become of an edge; UNDOES leads from a step to the one that undoes it."""

    TAKEN = "taken"
    DEAD = "not taken"
    OPEN = "not decided"
    UNDOES = "undone by"


class Tone(StrEnum):
    """What the colour of a box tells: a step's state, or who does a step that has none."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPENSATED = "compensated"
    CANCELLED = "cancelled"
    AGENT = "agent"
    PERSON = "person"
    EVENT = "event"
    SERVICE = "service"
    FLOW = "flow"


@dataclass(frozen=True, slots=True)
class Colours:
    """Of the box, and of what stands out on light and on dark ground."""

    fill: str
    accent: str
    dark: str


COLOURS = {
    Tone.PENDING: Colours("#ffffff", "#78909c", "#90a4ae"),
    Tone.RUNNING: Colours("#bbdefb", "#1565c0", "#64b5f6"),
    Tone.WAITING: Colours("#fff9c4", "#9a6700", "#ffd54f"),
    Tone.COMPLETED: Colours("#c8e6c9", "#2e7d32", "#81c784"),
    Tone.FAILED: Colours("#ffcdd2", "#c62828", "#ef9a9a"),
    Tone.SKIPPED: Colours("#eeeeee", "#757575", "#9e9e9e"),
    Tone.COMPENSATED: Colours("#d1c4e9", "#5e35b1", "#b39ddb"),
    Tone.CANCELLED: Colours("#cfd8dc", "#455a64", "#b0bec5"),
    Tone.AGENT: Colours("#bbdefb", "#1565c0", "#64b5f6"),
    Tone.PERSON: Colours("#ffe0b2", "#b35900", "#ffb74d"),
    Tone.EVENT: Colours("#d1c4e9", "#5e35b1", "#b39ddb"),
    Tone.SERVICE: Colours("#b2dfdb", "#00695c", "#4db6ac"),
    Tone.FLOW: Colours("#eceff1", "#546e7a", "#b0bec5"),
}


@dataclass(frozen=True, slots=True)
class Box:
    """`name` is unique and plain (a letter and a number). `kind` is for formats that have room for it."""

    name: str
    title: str
    kind: str
    status: str
    note: str
    tone: Tone

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line for line in (self.title, self.status, self.note) if line)


@dataclass(frozen=True, slots=True)
class Arrow:
    source: str
    target: str
    label: str
    stroke: Stroke


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes are in topological order."""

    title: str
    subtitle: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


def clean(text: str) -> str:
    """Blanks for what is white space, nothing for what cannot be seen."""
    return "".join(" " if char.isspace() else char for char in text if char.isprintable() or char.isspace()).strip()
