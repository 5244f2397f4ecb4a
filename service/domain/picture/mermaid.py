"""A drawing as Mermaid text."""

import json
from collections.abc import Iterator

from service.domain.picture.drawing import COLOURS, Drawing, Stroke, clean

_ARROWS = {Stroke.TAKEN: "==>", Stroke.DEAD: "-.->", Stroke.OPEN: "-->", Stroke.UNDOES: "-.-"}
_CODES = str.maketrans({char: f"#{ord(char)};" for char in '#"<>&`\\%'})


def mermaid(drawing: Drawing) -> Iterator[str]:
    """Line by line."""
    yield from ("---", f"title: {_title(drawing.title)}", "---", "flowchart TD")
    for box in drawing.boxes:
        text = "<br/>".join(clean(line).translate(_CODES) for line in box.lines)
        yield f'  {box.name}["{text}"]:::{box.tone}'
    for arrow in drawing.arrows:
        label = f'|"{clean(arrow.label).translate(_CODES)}"|' if arrow.label else ""
        yield f"  {arrow.source} {_ARROWS[arrow.stroke]}{label} {arrow.target}"
    for tone in sorted({box.tone for box in drawing.boxes}):
        yield f"  classDef {tone} fill:{COLOURS[tone].fill},stroke:#555,color:#111"


def _title(title: str) -> str:
    """JSON is YAML; a percent sign could begin a directive."""
    return json.dumps(clean(title)).replace("%", "\\u0025")
