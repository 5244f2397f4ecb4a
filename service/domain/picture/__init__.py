"""The path of a run through its version's graph, or a version without a run, as text that shows as a picture.

Mermaid and DOT are for the programs of these names to lay out, SVG is an image that stands alone. Called for operators,
through the edge; a picture of hundreds of steps takes a tenth of a second, so not on the event loop.
"""

from datetime import datetime

from service.domain.picture.dot import dot
from service.domain.picture.drawing import Drawing, Format
from service.domain.picture.mermaid import mermaid
from service.domain.picture.of_run import of_run
from service.domain.picture.of_version import of_version
from service.domain.picture.svg import svg
from service.domain.plan import Plan
from service.domain.state import Run

__all__ = ["Format", "picture_of_run", "picture_of_version"]

_DRAWN = {Format.MERMAID: mermaid, Format.DOT: dot, Format.SVG: svg}


def picture_of_run(plan: Plan, run: Run, now: datetime, wanted: Format) -> str:
    return _text(of_run(plan, run, now), wanted)


def picture_of_version(plan: Plan, name: str, wanted: Format) -> str:
    """`name` is the definition's."""
    return _text(of_version(plan.version, plan.graph, name), wanted)


def _text(drawing: Drawing, wanted: Format) -> str:
    return "\n".join(_DRAWN[wanted](drawing)) + "\n"
