"""About how much work a regular expression is before it looks at any text.

RE2 takes no more time than the text is long, but it compiles a pattern anew each time, and `(a{30}){30}` is some
thousand instructions. Counted with the pattern's own nesting, on the high side; what is no pattern has some size, too.
Whoever matches in a loop counts this as work.
"""

import re

_TOKEN = re.compile(
    r"(?P<wide>\\[pP](?:\{[^}]*\}|.)|\\[WDSX])"
    r"|(?P<class>\[\^?\]?(?:\[:[^\]]*:\]|\\.|[^\]\\])*\])"
    r"|\{(?P<least>\d{1,4})(?:,(?P<most>\d{0,4}))?\}"
    r"|(?P<open>\()|(?P<close>\))|(?P<one>\\.|.)",
    re.DOTALL,
)
MOST_REPEATED = 1_000
"""How often RE2 lets a pattern repeat a part of it."""

_ANY_CHARACTER = 12
_FEW = 8
_WIDE = 1_000
_MOST = 1_000_000_000


def pattern_size(pattern: str) -> int:
    """In instructions of RE2."""
    outside: list[int] = []
    total, last = 0, 0
    for token in _TOKEN.finditer(pattern):
        if token["least"]:
            last *= max(int(token["most"] or token["least"]) + 1, 1)
        elif token["open"]:
            outside.append(total + last)
            total = last = 0
        elif token["close"]:
            last, total = total + last, outside.pop() if outside else 0
        else:
            total, last = total + last, _of_one(token)
    return min(sum(outside) + total + last, _MOST)


def _of_one(token: "re.Match[str]") -> int:
    if token["wide"]:
        return _WIDE
    if token["class"]:
        wide = re.search(r"\\[pPWDS]|\[:\^", token["class"])
        return _WIDE if wide else _ANY_CHARACTER + len(token["class"])
    if token["one"] in (r"\w", r"\d", r"\s"):
        return _FEW
    return _ANY_CHARACTER if token["one"] == "." or not token["one"].isascii() else 2
