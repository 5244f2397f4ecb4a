"""Texts in an SVG: cleaned, escaped, and cut to the room they have.

There is no font to measure with, so widths are estimated on the wide side from a few classes of characters. Every text
that is not ours goes through `escaped`: it can neither end an element nor smuggle in what XML or a reader's eye does
not bear (control characters, unpaired surrogates, marks that turn the direction of writing).
"""

from unicodedata import combining, east_asian_width
from xml.sax.saxutils import escape

from service.domain.picture.drawing import clean

MAX_HINT = 160
BOLD = 1.12
"""How much wider bold texts are."""

_NARROW = frozenset("iljtfrI.,:;'|!()[]{} -/")
_WIDE = frozenset("mwMW@%—…")


def escaped(text: str) -> str:
    """Fit to stand between tags; not inside of one."""
    return escape(clean(text))


def hint(text: str) -> str:
    """What shows on hovering: escaped, and bounded so that the largest pictures fit into one answer."""
    return f"<title>{escaped(text if len(text) <= MAX_HINT else text[: MAX_HINT - 1] + '…')}</title>"


def width(text: str, size: float) -> float:
    """About how wide a text is, in the unit of its font's size."""
    return size * sum(map(_share, text))


def fitted(text: str, size: float, room: float) -> str:
    """As much of the text as there is room for."""
    text = clean(text)
    if width(text, size) <= room:
        return text
    room -= size * _share("…")
    for end, char in enumerate(text):
        room -= size * _share(char)
        if room < 0:
            return text[:end].rstrip() + "…"
    return text


def _share(char: str) -> float:
    if char in _NARROW:
        return 0.36
    if char in _WIDE or east_asian_width(char) in "WF":
        return 1.0
    if combining(char):
        return 0.0
    return 0.72 if char.isupper() else 0.6
