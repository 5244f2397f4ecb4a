"""Expressions: CEL, compiled once and evaluated within bounds.

A `Program` is compiled against the names that are in scope where it stands; what it really uses is `names`, and only
that is handed to CEL. Numbers are doubles, whatever they were in JSON (`85000.0 == 85000` holds, arithmetic with a
literal needs `2.0`); `steps` is a map by step id and `now` a timestamp, given as an aware datetime. A name in `names`
that the scope lacks is null. Results are plain JSON; a timestamp becomes RFC 3339 text.

Bounds: 2 kB of text, 32 levels of nesting, 10,000 iterations, and limits on how far an expression may multiply its
data. Programs are immutable and hold no state of an evaluation, so they live in the cache of their version. What goes
wrong is told by `expression_faults`.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import NoneType
from typing import Any

from cel_expr_python import cel

from service.domain.definition import Json
from service.domain.expression_faults import (
    ConditionError,
    ExpressionError,
    compile_error,
    complaints,
    evaluation_error,
)
from service.domain.expression_text import Shape, bare_names, shape, tokenize, trailing_field
from service.domain.limits import MAX_DEPTH
from service.domain.pattern_size import MOST_REPEATED, pattern_size

MAX_LENGTH = 2048  # bytes of UTF-8
MAX_NAMES = 64
MAX_GROWTH = 100
MAX_WORK = 20_000_000  # nodes visited, ten characters of text counting as one
PATTERN_WORK = 10  # what an instruction of a pattern counts, each time that it is matched
MAX_ITERATIONS = 10_000  # what CEL itself allows
MAX_DATA_DEPTH = 64


class Wants(StrEnum):
    """What the place of an expression needs."""

    ANY = "ANY"
    BOOL = "BOOL"
    LIST = "LIST"


@dataclass(frozen=True, slots=True)
class Program:
    source: str
    names: frozenset[str]
    trailing_field: str | None
    _shape: Shape = field(repr=False)
    _compiled: cel.Expression = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """The value as plain JSON. Raises ConditionError."""
        try:
            data = {name: _to_cel(scope.get(name)) for name in self.names}
            if self._shape.macros or self._shape.patterns or self._shape.patterns_given:
                self._check_work(data)
            return _to_json(self._run(data))
        except ExpressionError as error:
            raise ConditionError(error.reason, f"{self.source!r}: {error}", name=error.name) from None

    def holds(self, scope: Mapping[str, Json]) -> bool:
        """Whether the condition is true. Raises ConditionError, also when it is neither true nor false."""
        value = self.evaluate(scope)
        if isinstance(value, bool):
            return value
        raise ConditionError("wrong_type", f"{self.source!r}: the value is neither true nor false")

    def _run(self, data: dict[str, Any]) -> Any:
        try:
            result = self._compiled.eval(data=data)
            value = result.plain_value()
        except Exception as error:  # the library raises what its C++ part happens to throw
            raise evaluation_error(str(error), data) from None
        if result.type() == cel.Type.ERROR:
            raise evaluation_error(value, data)
        return value

    def _check_work(self, data: dict[str, Any]) -> None:
        form, size = self._shape, _Size(patterns=self._shape.patterns_given)
        size.add(data)
        iterations = min(form.iterations(size.longest), MAX_ITERATIONS)
        if form.patterns or form.patterns_given:
            iterations = max(iterations, 1)
        patterns = form.patterns + size.pattern * (1 if form.growth == 1 else MOST_REPEATED)
        if iterations * (size.nodes + size.text * form.growth // 10 + patterns * PATTERN_WORK) > MAX_WORK:
            raise ExpressionError("expression_too_costly", "the data is too large for its macros")


def compile_program(
    source: str, names: Collection[str], *, open_names: bool = False, wants: Wants = Wants.ANY
) -> Program:
    """Compiles against the names in scope; with `open_names` every other name is a field that may be absent.

    Raises ExpressionError with the reason `expression_syntax`, `expression_too_long`, `expression_too_deep`,
    `expression_too_costly`, `unknown_name`, `unknown_function` or `wrong_type`.
    """
    _check_text(source)
    tokens = tokenize(source)
    compiled, used = _compile(source, frozenset(names), bare_names(tokens), open_names)
    form = shape(tokens)
    if form.growth > MAX_GROWTH:
        raise ExpressionError("expression_too_costly", "the expression multiplies its data too often")
    _check_type(compiled.return_type().name(), wants)
    return Program(source, used, trailing_field(source), form, compiled)


def _check_text(source: str) -> None:
    try:
        length = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionError("expression_syntax", "a character is not Unicode text", offset=error.start) from None
    if length > MAX_LENGTH:
        raise ExpressionError("expression_too_long", f"an expression has at most {MAX_LENGTH} bytes")
    if "\0" in source:
        raise ExpressionError("expression_syntax", "there is a NUL character", offset=source.index("\0"))


# --- compiling -----------------------------------------------------------------------------------------------------

_UNDECLARED = re.compile(r"undeclared reference to '\.?([^']*)'")
_TYPES: Mapping[str, cel.Type] = {"steps": cel.Type.Map(cel.Type.STRING, cel.Type.DYN), "now": cel.Type.TIMESTAMP}
_TYPED = frozenset(_TYPES)
_TYPE_NAMES = frozenset({"bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"})
_NOT_JSON = ("BYTES", "DURATION", "TYPE")


@lru_cache(maxsize=512)
def _environment(names: frozenset[str], typed: frozenset[str]) -> cel.Env:
    return cel.NewEnv(variables={name: _TYPES[name] if name in typed else cel.Type.DYN for name in names})


def _compile(
    source: str, known: frozenset[str], named: frozenset[str], open_names: bool
) -> tuple[cel.Expression, frozenset[str]]:
    """Declares the known names that the text has, and open ones as the compiler asks for them."""
    used = known & named - _TYPE_NAMES
    while len(used) <= MAX_NAMES:
        try:
            return _environment(used, used & known & _TYPED).compile(source), used
        except RuntimeError as error:
            used = used | _wanted(source, str(error), used, open_names)
    raise ExpressionError("expression_too_costly", f"an expression uses at most {MAX_NAMES} names")


def _wanted(source: str, text: str, used: frozenset[str], open_names: bool) -> set[str]:
    """The names to declare before the next try; raises when declaring names cannot help."""
    fresh = set()
    for offset, message in complaints(source, text):
        reference = _UNDECLARED.match(message)
        if not reference:
            continue
        name = reference[1].split(".")[0]
        if source[offset : offset + 1] == "(":
            begin = source.rfind(name, 0, offset)
            raise ExpressionError("unknown_function", f"there is no function {name!r}", offset=begin, name=name)
        if not open_names and name not in used:
            begin = offset - max(reference[1].rfind("."), 0)
            raise ExpressionError("unknown_name", f"{name!r} is not known here", offset=begin, name=name)
        fresh.add(name)
    if fresh <= used:  # no variable is missing
        raise compile_error(source, text)
    return fresh


def _check_type(name: str, wants: Wants) -> None:
    """`name` is the static type as CEL spells it: `BOOL`, `LIST<DYN>`, `DYN` when it is not known before."""
    if name.startswith(_NOT_JSON):
        raise ExpressionError("wrong_type", f"a value of type {name} has no form in JSON")
    if wants is not Wants.ANY and name != "DYN" and not name.startswith(wants.value):
        raise ExpressionError("wrong_type", f"the place needs {wants}, the expression gives {name}")


# --- evaluating ----------------------------------------------------------------------------------------------------

_AS_IS = frozenset({str, float, bool, NoneType})


def _to_cel(value: Any, depth: int = 0) -> Any:
    """JSON as CEL takes it: numbers as doubles, plain dicts and lists. The depth also ends what has no end."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if depth > MAX_DATA_DEPTH:
        raise ExpressionError("wrong_value", "the data nests too deeply")
    if kind is dict or isinstance(value, Mapping):
        return {str(key): _to_cel(item, depth + 1) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_to_cel(item, depth + 1) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | Decimal):
        try:
            return float(value)
        except OverflowError:
            raise ExpressionError("out_of_range", "a number is out of range") from None
    raise ExpressionError("wrong_type", "the data is not JSON")


def _to_json(value: Any, depth: int = 0) -> Json:
    if value is None or isinstance(value, bool | int):
        return value
    if depth > MAX_DEPTH:
        raise ExpressionError("wrong_value", "the result nests too deeply")
    if isinstance(value, dict):
        return {_key(key): _to_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_json(item, depth + 1) for item in value]
    return _json_scalar(value)


def _json_scalar(value: Any) -> Json:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and "\0" not in value:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ExpressionError("wrong_type", "the result has no form in JSON")


def _key(key: Any) -> str:
    if isinstance(key, str) and "\0" not in key:
        return key
    raise ExpressionError("wrong_type", "the result has a key that is not text")


class _Size:
    """What bounds the work of a macro over the data: nodes in all, the longest text, the longest container, and where
    texts can be patterns, the largest of them."""

    def __init__(self, *, patterns: bool = False) -> None:
        self.nodes = self.text = self.longest = self.pattern = 0
        self._patterns = patterns

    def add(self, value: Any) -> None:
        self.nodes += 1
        if isinstance(value, str):
            self.text = max(self.text, len(value))
            if self._patterns:
                self.pattern = max(self.pattern, pattern_size(value))
        elif isinstance(value, dict | list):
            self.longest = max(self.longest, len(value))
            for item in value.values() if isinstance(value, dict) else value:
                self.add(item)
