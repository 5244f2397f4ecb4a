"""A drawing as an SVG image that stands alone: no script, no font, nothing fetched.

Boxes stand in layers (`layout`); edges leave at the bottom and arrive at the top. Edges that share a lane are drawn
once there, by the most telling of them. Above are the title and what it is about, below a legend of what occurs. What
does not fit into a box is cut; hovering over it shows all.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

from service.domain.picture.drawing import Arrow, Box, Drawing, Stroke, Tone, clean
from service.domain.picture.layout import Layout, Spot, Widths, lay_out
from service.domain.picture.svg_style import MARGIN, NAME, SMALL, SUBTITLE, TINY, TITLE, style, word
from service.domain.picture.svg_text import BOLD, escaped, fitted, hint, width

NARROWEST, WIDEST = 170.0, 280.0
"""How wide boxes may be; all of a drawing are alike."""

LANE, GAP, PAD, BAR = 14.0, 30.0, 14.0, 5.0
HEADER, LEGEND_ROW = 64.0, 24.0
LABEL_ROOM = 150.0

Piece: TypeAlias = tuple[Spot, Spot]
_TELLING = (Stroke.TAKEN, Stroke.OPEN, Stroke.UNDOES, Stroke.DEAD)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Sizes of one drawing: where each layer begins, how tall it is, and how far the graph is from the left."""

    layout: Layout
    box_width: float
    box_height: float
    tops: Sequence[float]
    left: float
    width: float

    def x(self, spot: Spot) -> float:
        return self.left + self.layout.x[spot]

    def top(self, spot: Spot) -> float:
        return self.tops[self.layout.layer[spot]]

    def bottom(self, spot: Spot) -> float:
        return self.top(spot) + self.box_height


def svg(drawing: Drawing) -> Iterator[str]:
    """Line by line."""
    sheet = _sheet(drawing)
    tones, strokes = _occurring(drawing)
    legend = list(_legend(tones, strokes, sheet.width, sheet.tops[-1] + 12))
    height = sheet.tops[-1] + 12 + LEGEND_ROW * (1 + max((row for row, _ in legend), default=0)) + MARGIN / 2
    size = f'width="{sheet.width:.0f}" height="{height:.0f}" viewBox="0 0 {sheet.width:.0f} {height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    yield f"<title>{escaped(drawing.title)}</title>"
    yield f"<style>{style(tones, strokes)}</style>"
    yield f"<defs>{''.join(map(_tip, strokes))}</defs>"
    yield f'<rect class="ground" width="{sheet.width:.0f}" height="{height:.0f}"/>'
    yield from _header(drawing, sheet)
    yield from _edges(drawing, sheet)
    for box in drawing.boxes:
        yield _box(box, sheet)
    yield from _labels(drawing, sheet)
    yield from (text for _, text in legend)
    yield "</svg>"


# --- sizes -----------------------------------------------------------------------------------------------------------


def _sheet(drawing: Drawing) -> _Sheet:
    wide = min(max((_wanted(box) for box in drawing.boxes), default=NARROWEST), WIDEST)
    wide = max(wide, NARROWEST)
    high = 66.0 if any(box.kind for box in drawing.boxes) else 52.0
    edges = [(arrow.source, arrow.target) for arrow in drawing.arrows]
    layout = lay_out([box.name for box in drawing.boxes], edges, Widths(wide, LANE, GAP))
    gaps = _gaps(drawing, layout)
    tops = list(accumulate((high + gap for gap in gaps), initial=HEADER + MARGIN / 2))
    graph = max((x + (LANE if spot.lane else wide) / 2 for spot, x in layout.x.items()), default=0.0)
    texts = max(width(clean(drawing.title), TITLE * BOLD), width(clean(drawing.subtitle), SUBTITLE))
    whole = max(graph, min(texts, 900.0), 360.0) + 2 * MARGIN
    return _Sheet(layout, wide, high, tops, (whole - graph) / 2, whole)


def _wanted(box: Box) -> float:
    """How wide a box would like to be."""
    last = width(clean(box.status), SMALL * BOLD) + width(clean(box.note), SMALL) + (16 if box.note else 0)
    return max(width(clean(box.title), NAME * BOLD), last) + 2 * PAD + BAR


def _gaps(drawing: Drawing, layout: Layout) -> list[float]:
    """Below each layer: more where edges go far to the side, or say something."""
    gaps = [44.0] * layout.layers
    for arrow, path in zip(drawing.arrows, layout.paths, strict=True):
        for upper, lower in pairwise(path):
            across = abs(layout.x[upper] - layout.x[lower])
            said = 22.0 if arrow.label and arrow.stroke is not Stroke.UNDOES else 0.0
            above = layout.layer[upper]
            gaps[above] = max(gaps[above], min(44.0 + said + across * 0.06, 130.0))
    return gaps


# --- edges -----------------------------------------------------------------------------------------------------------


def _edges(drawing: Drawing, sheet: _Sheet) -> Iterator[str]:
    """What is not taken first, so that the way that was taken lies above it."""
    drawn = _pieces(drawing.arrows, sheet.layout.paths)
    for stroke in reversed(_TELLING):
        for (upper, lower), of_piece in drawn.items():
            if of_piece is stroke:
                yield _piece(upper, lower, stroke, sheet)


def _pieces(arrows: Sequence[Arrow], paths: Sequence[Sequence[Spot]]) -> Mapping[Piece, Stroke]:
    """Every piece of a path once, with the most telling stroke of the edges that share it."""
    found: dict[Piece, Stroke] = {}
    for arrow, path in zip(arrows, paths, strict=True):
        for piece in pairwise(path):
            found[piece] = min(found.get(piece, arrow.stroke), arrow.stroke, key=_TELLING.index)
    return found


def _piece(upper: Spot, lower: Spot, stroke: Stroke, sheet: _Sheet) -> str:
    """A curve to the next spot; a lane that it comes from is gone through first."""
    x, to_x = sheet.x(upper), sheet.x(lower)
    start, end = sheet.bottom(upper), sheet.top(lower) - (0 if lower.lane else 7)
    begin = f"M{x:.1f},{sheet.top(upper):.1f}V{start:.1f}" if upper.lane else f"M{x:.1f},{start:.1f}"
    bend = (end - start) / 2
    curve = f"C{x:.1f},{start + bend:.1f} {to_x:.1f},{end - bend:.1f} {to_x:.1f},{end:.1f}"
    way = f"V{end:.1f}" if abs(x - to_x) < 0.1 else curve
    tip = "" if lower.lane else f' marker-end="url(#{word(stroke)})"'
    return f'<path class="edge {word(stroke)}" d="{begin}{way}"{tip}/>'


def _tip(stroke: Stroke) -> str:
    shape = f'<path class="tip {word(stroke)}" d="M0,0L9,4.5L0,9z"/>'
    size = 'markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" refX="2" refY="4.5" orient="auto"'
    return f'<marker id="{word(stroke)}" {size}>{shape}</marker>'


def _labels(drawing: Drawing, sheet: _Sheet) -> Iterator[str]:
    """On the first piece that no other edge shares."""
    shared = Counter(piece for path in sheet.layout.paths for piece in pairwise(path))
    for arrow, path in zip(drawing.arrows, sheet.layout.paths, strict=True):
        if arrow.label and arrow.stroke is not Stroke.UNDOES:
            pieces = list(pairwise(path))
            own = next((piece for piece in pieces if shared[piece] == 1), pieces[-1])
            yield _label(arrow.label, *own, sheet)


def _label(text: str, upper: Spot, lower: Spot, sheet: _Sheet) -> str:
    """Where the curve has gone two thirds of the way to the side."""
    shown = fitted(text, SMALL, LABEL_ROOM)
    x = sheet.x(upper) + (sheet.x(lower) - sheet.x(upper)) * 0.66
    y = sheet.bottom(upper) + (sheet.top(lower) - sheet.bottom(upper)) * 0.58
    wide = width(shown, SMALL) + 10
    back = f'<rect class="ground" x="{x - wide / 2:.1f}" y="{y - 9:.1f}" width="{wide:.1f}" height="18" rx="6"/>'
    words = f'<text class="muted middle" x="{x:.1f}" y="{y + 4:.1f}">{escaped(shown)}</text>'
    return f"<g>{hint(text)}{back}{words}</g>"


# --- boxes -----------------------------------------------------------------------------------------------------------


def _box(box: Box, sheet: _Sheet) -> str:
    spot = Spot(box.name)
    x, y, high = sheet.x(spot) - sheet.box_width / 2, sheet.top(spot), sheet.box_height
    place = f'x="{x:.1f}" y="{y:.1f}" width="{sheet.box_width:.1f}" height="{high:.1f}" rx="7"'
    said = ", ".join(text for text in (box.title, box.kind, box.status, box.note) if text)
    return (
        f'<g class="{box.tone}">{hint(said)}<rect class="ground" {place}/><rect class="card" {place}/>'
        f'<path class="bar" d="{_bar(x, y, high)}"/>{_texts(box, sheet, x, y)}</g>'
    )


def _bar(x: float, y: float, high: float) -> str:
    """Down the left side, round like the box."""
    return f"M{x + 7:.1f},{y:.1f}h-2a5,7 0 0 0 -5,7v{high - 14:.1f}a5,7 0 0 0 5,7h2z"


def _texts(box: Box, sheet: _Sheet, x: float, y: float) -> str:
    left, right, base = x + PAD + BAR, x + sheet.box_width - PAD, y + sheet.box_height
    room = right - left
    note = fitted(box.note, SMALL, room * 0.6)
    status = fitted(box.status, SMALL * BOLD, room - width(note, SMALL) - (10 if note else 0))
    kind = fitted(box.kind.upper(), TINY, room)
    return (
        (_text("kind muted", left, base - 49, kind) if kind else "")
        + _text("name", left, base - 31, fitted(box.title, NAME * BOLD, room))
        + _text("status", left, base - 12, status)
        + (_text("muted end", right, base - 12, note) if note else "")
    )


def _text(classes: str, x: float, y: float, text: str) -> str:
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}">{escaped(text)}</text>'


# --- around it -------------------------------------------------------------------------------------------------------


def _header(drawing: Drawing, sheet: _Sheet) -> Iterator[str]:
    room = sheet.width - 2 * MARGIN
    yield _text("title", MARGIN, MARGIN + 8, fitted(drawing.title, TITLE * BOLD, room))
    yield _text("subtitle muted", MARGIN, MARGIN + 28, fitted(drawing.subtitle, SUBTITLE, room))


def _occurring(drawing: Drawing) -> tuple[list[Tone], list[Stroke]]:
    tones, strokes = {box.tone for box in drawing.boxes}, {arrow.stroke for arrow in drawing.arrows}
    return [tone for tone in Tone if tone in tones], [stroke for stroke in Stroke if stroke in strokes]


def _legend(tones: Sequence[Tone], strokes: Sequence[Stroke], whole: float, top: float) -> Iterator[tuple[int, str]]:
    """Each entry with its row."""
    entries = [(tone.value, _swatch(tone)) for tone in tones]
    entries += [(stroke.value, _sample(stroke)) for stroke in strokes if len(strokes) > 1]
    row, x = 0, MARGIN
    for text, sign in entries:
        wide = 32 + width(text, SMALL) + 16
        if x + wide > whole - MARGIN / 2 and x > MARGIN:
            row, x = row + 1, MARGIN
        place = f'transform="translate({x:.1f},{top + row * LEGEND_ROW:.1f})"'
        yield row, f"<g {place}>{sign}{_text('muted', 32, 13, text)}</g>"
        x += wide


def _swatch(tone: Tone) -> str:
    shape = 'x="4" y="2" width="20" height="14" rx="4"'
    bar = 'x="4" y="2" width="5" height="14" rx="2"'
    return f'<g class="{tone}"><rect class="card" {shape}/><rect class="bar" {bar}/></g>'


def _sample(stroke: Stroke) -> str:
    return f'<path class="edge {word(stroke)}" d="M2,9H26"/>'
