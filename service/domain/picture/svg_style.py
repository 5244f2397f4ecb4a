"""How an SVG looks: sizes, and the style sheet that makes it readable on light and on dark ground."""

from collections.abc import Iterable

from service.domain.picture.drawing import COLOURS, Stroke, Tone

MARGIN = 32.0
TITLE, SUBTITLE, NAME, SMALL, TINY = 17.0, 12.0, 13.5, 11.0, 9.5
"""Font sizes."""

_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

DASHES = {Stroke.TAKEN: "", Stroke.DEAD: "5 5", Stroke.OPEN: "", Stroke.UNDOES: "1.5 4"}
_WIDTHS = {Stroke.TAKEN: 2.6, Stroke.DEAD: 1.3, Stroke.OPEN: 1.4, Stroke.UNDOES: 1.8}
_LIGHT = {Stroke.TAKEN: "#1f2937", Stroke.DEAD: "#9ca3af", Stroke.OPEN: "#6b7280", Stroke.UNDOES: "#7c3aed"}
_DARK = {Stroke.TAKEN: "#f3f4f6", Stroke.DEAD: "#6b7280", Stroke.OPEN: "#9ca3af", Stroke.UNDOES: "#a78bfa"}


def word(stroke: Stroke) -> str:
    """The stroke's class."""
    return stroke.name.lower()


def style(tones: Iterable[Tone], strokes: Iterable[Stroke]) -> str:
    tones, strokes = tuple(tones), tuple(strokes)
    rules = [
        f"text{{font-family:{_FONT};font-size:{SMALL}px}}",
        f".title{{font-size:{TITLE}px;font-weight:600}}.subtitle{{font-size:{SUBTITLE}px}}",
        f".name{{font-size:{NAME}px;font-weight:600}}.kind{{font-size:{TINY}px;letter-spacing:.4px}}",
        ".status{font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}",
        ".card{stroke-width:1.2;stroke-opacity:.55;fill-opacity:.45}",
        ".skipped .card,.pending .card{stroke-dasharray:4 3}.skipped{opacity:.75}.edge{fill:none;stroke-linecap:round}",
        *(_edge(stroke) for stroke in strokes),
        _ground("#ffffff", "#111827", "#6b7280"),
        *(_toned(tone, COLOURS[tone].fill, COLOURS[tone].accent) for tone in tones),
        *(_coloured(stroke, _LIGHT[stroke]) for stroke in strokes),
    ]
    dark = [
        _ground("#111827", "#f3f4f6", "#9ca3af"),
        *(_toned(tone, "#1f2937", COLOURS[tone].dark) for tone in tones),
        *(_coloured(stroke, _DARK[stroke]) for stroke in strokes),
    ]
    return "".join(rules) + "@media(prefers-color-scheme:dark){" + "".join(dark) + "}"


def _edge(stroke: Stroke) -> str:
    dashes = f";stroke-dasharray:{DASHES[stroke]}" if DASHES[stroke] else ""
    return f".edge.{word(stroke)}{{stroke-width:{_WIDTHS[stroke]}{dashes}}}"


def _ground(ground: str, ink: str, muted: str) -> str:
    return f".ground{{fill:{ground}}}text{{fill:{ink}}}.muted{{fill:{muted}}}"


def _toned(tone: Tone, fill: str, accent: str) -> str:
    return f".{tone} .card{{fill:{fill};stroke:{accent}}}.{tone} .bar,.{tone} .status{{fill:{accent}}}"


def _coloured(stroke: Stroke, colour: str) -> str:
    return f".edge.{word(stroke)}{{stroke:{colour}}}.tip.{word(stroke)}{{fill:{colour}}}"
