"""A drawing as DOT, the language of Graphviz."""

from collections.abc import Iterator

from service.domain.picture.drawing import COLOURS, Drawing, Stroke, clean

_STYLES = {Stroke.TAKEN: "bold", Stroke.DEAD: "dotted", Stroke.OPEN: "solid", Stroke.UNDOES: "dashed"}
_CODES = str.maketrans({'"': '\\"', "\\": "\\\\"})


def dot(drawing: Drawing) -> Iterator[str]:
    """Line by line."""
    yield "digraph run {"
    yield f"  label={_quoted(drawing.title)}; labelloc=t; node [shape=box, style=filled, fontname=Helvetica]"
    for box in drawing.boxes:
        yield f'  {box.name} [label={_quoted(*box.lines)}, fillcolor="{COLOURS[box.tone].fill}"]'
    for arrow in drawing.arrows:
        label = f", label={_quoted(arrow.label)}" if arrow.label else ""
        yield f"  {arrow.source} -> {arrow.target} [style={_STYLES[arrow.stroke]}{label}]"
    yield "}"


def _quoted(*lines: str) -> str:
    text = "\\n".join(clean(line).translate(_CODES) for line in lines)
    return f'"{text}"'
