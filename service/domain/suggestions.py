"""What its author may have meant: a suggestion beside a finding, where one is certain to help.

A suggestion is one sentence for people; it never changes what is refused. Whoever finds something wrong asks here at
once, so nothing is read a second time. Comparing words costs more than finding them unknown, so long ones are not
compared, and against the names of a draft only so many per look at it (`Memory`).
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

LONGEST = 64
MOST_LOOKS = 100
SHOWN = 8


def nearest(word: str, known: Iterable[str]) -> str:
    """Asks for the known word that is most like this one, or has it as its end or beginning; else for none."""
    folded = {each.upper(): each for each in known if len(each) <= LONGEST}
    wanted = word.upper()
    if not wanted or len(wanted) > LONGEST:
        return ""
    close = get_close_matches(wanted, folded, 1) or [
        each for each in folded if each.endswith(f"_{wanted}") or each.startswith(f"{wanted}_")
    ]
    return did_you_mean(folded[close[0]]) if close else ""


def did_you_mean(text: str) -> str:
    return f"did you mean {text!r}?"


def one_of(known: Collection[str]) -> str:
    """Names some of what could stand there."""
    shown = sorted(each for each in known if len(each) <= LONGEST)[:SHOWN]
    more = f" and {len(known) - len(shown)} more" if len(shown) < len(known) else ""
    return f"known here: {', '.join(shown)}{more}" if shown else ""


class Memory:
    """Finds the nearest of a draft's own names, for the first so many words that are not known."""

    def __init__(self) -> None:
        self._left = MOST_LOOKS

    def nearest(self, word: str, known: Iterable[str]) -> str:
        self._left -= 1
        return nearest(word, known) if self._left >= 0 else ""
