"""What can be read off the text of an expression without evaluating it.

A small tokenizer over CEL's lexical rules; it only ever sees text that the CEL compiler accepted. From the tokens come
the bounds that CEL itself lacks (how much an expression can multiply its data, how deep its macros nest), the steps it
names and the field it ends in. Called by `expressions` when a program is compiled and by the publish checks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.pattern_size import MOST_REPEATED, pattern_size

MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
STEP_FIELDS = frozenset({"output", "input", "state", "error", "cost_usd", "retry_count"})

_TOKEN = re.compile(
    r'''(?xs)
    //[^\n]* | \s+
    | (?P<token>
        [bB]?[rR][bB]? (?: """.*?""" | \'\'\'.*?\'\'\' | "[^"]*" | '[^']*' )
      | [bB]? (?: """(?:\\.|[^\\])*?""" | \'\'\'(?:\\.|[^\\])*?\'\'\' | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
      | [A-Za-z_]\w* | \d[\w.]* | .
    )'''
)
_ESCAPED = re.compile(r"\\[xXuU0-7]")
_PATH = re.compile(r"""\s*[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:"[^"\\]*"|'[^'\\]*'|\d+)\])*\.([A-Za-z_]\w*)\s*""")


def tokenize(source: str) -> tuple[str, ...]:
    """The tokens without blanks and comments; strings keep their quotes."""
    return tuple(found["token"] for found in _TOKEN.finditer(source) if found["token"])


def trailing_field(source: str) -> str | None:
    """The last field when the whole expression selects one (`a.output.b` gives `b`), else None."""
    path = _PATH.fullmatch(source)
    return path[1] if path else None


def bare_names(tokens: tuple[str, ...]) -> frozenset[str]:
    """Every token that may be a variable: whatever does not follow a dot."""
    return frozenset(name for before, name in zip(("", *tokens), tokens, strict=False) if before != ".")


def named_steps(tokens: tuple[str, ...]) -> Iterator[str]:
    """The ids in `steps["id"]` and `steps.id`."""
    for before, name, mark, what in zip(("", *tokens), tokens, tokens[1:], tokens[2:], strict=False):
        if name == "steps" and before != ".":
            if mark == "[" and what[0] in "\"'":
                yield what[1:-1]
            elif mark == ".":
                yield what


def step_like_names(tokens: tuple[str, ...]) -> Iterator[str]:
    """Bare names that are used as a step is: followed by `.output`, `.state` and so on."""
    for before, name, mark, field in zip(("", *tokens), tokens, tokens[1:], tokens[2:], strict=False):
        if before != "." and mark == "." and field in STEP_FIELDS:
            yield name


@dataclass(frozen=True, slots=True)
class Shape:
    """How an expression can multiply what it is given.

    `growth` bounds how many times larger than its data a value may become: every `+` and every further element of a
    literal may repeat a value, and a macro repeats that on the result of what it stands on. `macros` counts the macros,
    `depth` how deep they nest, `literals` how many elements are written out. `patterns` is the size of those that texts
    are matched against, which are compiled each time; with `patterns_given` one may come from the data.
    """

    growth: int = 1
    macros: int = 0
    depth: int = 0
    literals: int = 1
    patterns: int = 0
    patterns_given: bool = False

    def iterations(self, longest: int) -> int:
        """At most how often a macro's body runs over containers of this length."""
        return int(self.macros * (longest + self.literals) ** self.depth)


def shape(tokens: tuple[str, ...]) -> Shape:
    scan = _Scan()
    for place, token in enumerate(tokens):
        scan.take(token, opens_macro=token == "(" and tokens[max(place - 2, 0)] == "." and tokens[place - 1] in MACROS)
    written, given = _patterns(tokens)
    return Shape(scan.growth * scan.outside, scan.macros, scan.depth, scan.literals, written, given)


def _patterns(tokens: tuple[str, ...]) -> tuple[int, bool]:
    """Any text that is written out may be one; `matches` also takes what is not written out as its argument. What is
    put together, or spelt with escapes, may repeat more than it seems to."""
    called = [tokens[at + 2 : at + 4] for at in range(len(tokens)) if tokens[at : at + 2] == ("matches", "(")]
    if not called:
        return 0, False
    texts = [token for token in tokens if token[-1] in "\"'"]
    hidden = "+" in tokens or any(_ESCAPED.search(text) for text in texts)
    written = MOST_REPEATED * sum(map(len, texts)) if hidden else sum(map(pattern_size, texts))
    return written, not all(what[0][-1] in "\"'" and what[1:] == (")",) for what in called)


class _Scan:
    """Walks the tokens once; `frames` are the open brackets, each with the repetitions seen in it, 0 for no macro."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.growth = self.outside = self.literals = 1
        self.macros = self.depth = 0

    def take(self, token: str, *, opens_macro: bool) -> None:
        if token in "([{":
            self._open(opens_macro)
        elif token in ")]}":
            self.growth *= (self.frames.pop() or 1) if self.frames else 1
        elif token in "+,:":
            self._repeat(token)

    def _open(self, macro: bool) -> None:
        self.frames.append(int(macro))
        self.macros += macro
        self.depth = max(self.depth, sum(1 for frame in self.frames if frame))

    def _repeat(self, token: str) -> None:
        if token == ",":
            if self.frames and self.frames[-1]:
                return  # between a macro's own arguments
            self.literals += 1
        if any(self.frames):
            self.frames = [frame and frame + 1 for frame in self.frames]
        elif token == "+":
            self.outside += 1
