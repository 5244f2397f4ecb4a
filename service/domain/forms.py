"""Forms: JSON Schemas that check what people hand in, kept to what can be checked quickly and always.

One dialect (2020-12). References stay within the form, lead to a schema under `$defs` and never in a circle; expanded,
the form has at most `MAX_NODES` schemas. Patterns are RE2's, the engine of our expressions, which takes no more time
than the text is long; `uniqueItems` compares by value, once per entry. What is not kept to this is found at publish.
Since a list may repeat a form as often as it has entries, a look at a value is also bounded by its work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any, TypeAlias

import orjson
from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from referencing import Registry

from service.domain.definition import Json, Payload
from service.domain.errors import Violation, path_to
from service.domain.expression_faults import ExpressionError
from service.domain.expressions import compile_program
from service.domain.pattern_size import pattern_size

MAX_NODES = 2000
MOST_VIOLATIONS = 100
MAX_WORK = 100_000  # rules applied, those that list much counting more; some ten microseconds each
MAX_PATTERNS = 250_000  # instructions in all patterns of a form
_SIZE_PER_WORK = 20  # instructions of a pattern that are compiled meanwhile
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOT_TAKEN = (
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
)
_Rule: TypeAlias = Callable[[Any, Any, Json, Any], Iterable[ValidationError] | None]
_work: ContextVar[int] = ContextVar("work")
_MATCHES = compile_program("text.matches(pattern)", frozenset({"text", "pattern"}))


def fault(form: Mapping[str, Any]) -> str | None:
    """Why this cannot check what people fill in; None when it can."""
    if form.get("$schema", _DIALECT) != _DIALECT:
        return f"$schema is not {_DIALECT}"
    try:
        Draft202012Validator.check_schema(form)
        _Expansion(form).count(form, ())
        patterns = list(_texts(form, "pattern"))
        if sum(map(pattern_size, patterns)) > MAX_PATTERNS:
            raise _Refused("its patterns repeat too much")
        for pattern in patterns:
            matches("", pattern)
    except SchemaError as error:
        return f"no JSON Schema: {error.json_path.removeprefix('$') or 'it'} breaks the rule {error.validator!r}"
    except ExpressionError:
        return "a pattern is not a regular expression of RE2"
    except _Refused as error:
        return str(error)
    return None


def violations(
    form: Mapping[str, Any], output: Payload, field: str, reason: str = "form_mismatch"
) -> tuple[Violation, ...]:
    """What in the output does not satisfy the form, at most `MOST_VIOLATIONS`; `field` is where the caller has put it.
    Nothing is fetched. What would take more than `MAX_WORK` does not satisfy it."""
    _work.set(0)
    try:
        errors = list(islice(_Validator(form, registry=Registry()).iter_errors(dict(output)), MOST_VIOLATIONS))
    except _Refused as refused:
        return (Violation(field, reason, str(refused)),)
    return tuple(Violation(path_to(field, error.absolute_path), reason, _sentence(error)) for error in errors)


def matches(text: str, pattern: str) -> bool:
    """Raises ExpressionError for what is no pattern."""
    return _MATCHES.holds({"text": text, "pattern": pattern})


class _Refused(Exception):
    """A form that could not always be checked, or not quickly."""


class _Expansion:
    """Counts the schemas that one look at a value may have to visit, following references."""

    def __init__(self, form: Mapping[str, Any]) -> None:
        self._defs = form.get("$defs", {})
        self._known: dict[str, int] = {}

    def count(self, node: Json, inside: tuple[str, ...]) -> int:
        if isinstance(node, list):
            return sum(self.count(item, inside) for item in node)
        if not isinstance(node, Mapping):
            return 0
        if taken := next((key for key in _NOT_TAKEN if key in node), None):
            raise _Refused(f"{taken} is not taken")
        below = (value for key, value in node.items() if key != "$defs")
        total = 1 + sum(self.count(value, inside) for value in below)
        if "$ref" in node:
            total += self._referred(node["$ref"], inside)
        if total > MAX_NODES:
            raise _Refused(f"there are at most {MAX_NODES} schemas in it, those that $ref repeats counted again")
        return total

    def _referred(self, reference: Json, inside: tuple[str, ...]) -> int:
        name = str(reference).removeprefix("#/$defs/")
        if f"#/$defs/{name}" != reference or not isinstance(self._defs.get(name), Mapping | bool):
            raise _Refused("a $ref leads to a schema under its own #/$defs")
        if name in inside:
            raise _Refused("a $ref leads back to itself")
        if name not in self._known:
            self._known[name] = self.count(self._defs[name], (*inside, name))
        return self._known[name]


def _pattern(validator: Any, pattern: str, value: Json, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, str):
        return
    _add_work(pattern_size(pattern) // _SIZE_PER_WORK)
    if not matches(value, pattern):
        yield ValidationError("does not match")


def _unique(validator: Any, wanted: bool, value: Json, schema: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(value, list):
        seen = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in value}
        if len(seen) < len(value):
            yield ValidationError("has an entry twice")


def _add_work(more: int) -> None:
    work = _work.get() + more
    _work.set(work)
    if work > MAX_WORK:
        raise _Refused("is more than can be checked: it is too large for its schema")


def _counted(rule: _Rule) -> _Rule:
    """The same rule, but its work is counted."""

    def counted(validator: Any, wanted: Any, value: Json, schema: Any) -> Iterable[ValidationError] | None:
        listed = len(wanted) if isinstance(wanted, list | dict) else 0
        looked_at = len(value) // 100 if isinstance(value, str | list | dict) else 0
        _add_work(1 + listed + looked_at)
        return rule(validator, wanted, value, schema)

    return counted


_rules: dict[str, _Rule] = {**Draft202012Validator.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique}
_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {keyword: _counted(rule) for keyword, rule in _rules.items()}
)


def _texts(node: Json, key: str) -> Iterator[str]:
    """Every text under that keyword, wherever it is."""
    if isinstance(node, Mapping):
        if isinstance(node.get(key), str):
            yield node[key]
        for value in node.values():
            yield from _texts(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item, key)


def _sentence(error: ValidationError) -> str:
    """Which rule is broken, and of rules that say it shortly what they want; never what was given."""
    wanted: Any = error.validator_value
    if error.validator == "required":
        return error.message  # names the key that is missing, as the form does
    if error.validator == "type":
        return f"is not of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    return f"does not satisfy {error.validator!r}"
