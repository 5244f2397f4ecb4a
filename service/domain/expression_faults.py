"""What is wrong with an expression, in our own words.

CEL tells of it in texts meant for people, which may show values; here they become stable reasons and sentences that do
not. Called by `expressions`, whose callers catch what is raised.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any


class ExpressionError(Exception):
    """What is wrong with an expression: a stable reason, and where known the offset (in characters) and the name."""

    def __init__(self, reason: str, message: str, *, offset: int | None = None, name: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.offset = offset
        self.name = name


class ConditionError(ExpressionError):
    """An evaluation failed. The message names the expression and never shows a value."""


# --- from the compiler's words ---------------------------------------------------------------------------------------

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


def complaints(source: str, text: str) -> Iterator[tuple[int, str]]:
    """The compiler's messages, each with its offset in the source; -1 where it gives none."""
    begins = list(accumulate((len(line) + 1 for line in source.split("\n")), initial=0))
    for line, column, message in _ERROR.findall(text):
        yield (begins[int(line) - 1] + int(column) - 1 if int(line) > 0 else -1), message


def compile_error(source: str, text: str) -> ExpressionError:
    if "recursion" in text:
        return ExpressionError("expression_too_deep", "the expression nests too deeply")
    offset, message = next(complaints(source, text), (-1, "it cannot be read"))
    message = message.removeprefix("Syntax error: ").removesuffix(" [INVALID_ARGUMENT]").split(" expecting {")[0]
    reason = "wrong_type" if "overload" in message or "type" in message else "expression_syntax"
    where = f" (at character {offset})" if offset >= 0 else ""
    return ExpressionError(reason, message + where, offset=offset if offset >= 0 else None)


# --- from the words of an evaluation ---------------------------------------------------------------------------------

_MISSING_KEY = re.compile(r'Key not found in map : "?(.*?)"?$', re.DOTALL)
_FAULTS = (
    ("Iteration budget", "expression_too_costly", "it takes more iterations than allowed"),
    ("by zero", "division_by_zero", "division by zero"),
    ("modulus by zero", "division_by_zero", "division by zero"),
    ("Index error", "missing_field", "an index is outside its list"),
    ("OUT_OF_RANGE", "out_of_range", "a number is out of range"),
    ("regular expression", "wrong_value", "a pattern is not a regular expression"),
    ("conversion failed", "wrong_value", "a text has not the form it is read as"),
    ("cannot convert", "wrong_value", "a text has not the form it is read as"),
)


def evaluation_error(text: str, data: Mapping[str, Any]) -> ExpressionError:
    """Translates CEL's own words, which may show values, into ours, which do not."""
    if missing := _MISSING_KEY.search(text):
        return ExpressionError("missing_field", f"{missing[1]!r} is missing", name=missing[1])
    for words, reason, message in _FAULTS:
        if words in text:
            return ExpressionError(reason, message)
    absent = sorted(name for name, value in data.items() if value is None)
    if absent:
        return ExpressionError("missing_field", f"{', '.join(absent)} is absent", name=absent[0])
    return ExpressionError("wrong_type", _mismatch(text))


def _mismatch(text: str) -> str:
    _, found, operation = text.partition("No matching overloads found : ")
    if not found:
        return "a value has the wrong type"
    hint = "; numbers are doubles, write 2.0 for 2" if "double" in operation and "int64" in operation else ""
    return f"no operation {operation}{hint}"
