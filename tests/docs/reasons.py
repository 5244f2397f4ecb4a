"""The reasons that the source gives when it says no, read from the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

from service.domain.errors import Kind
from service.edge.rpc.errors import STATUS

SOURCE = Path(__file__).parents[2] / "service"
ROOMS = ("domain", "engine", "store", "edge", "siblings")
POSITION = {"invalid": 1, "note": 1, "Violation": 1, "BadPayload": 0, "ExpressionError": 0}
"""Where each of the ways to say that a field is wrong has its reason."""


def refusals() -> set[tuple[str, str]]:
    """Status and reason of what is refused as a whole."""
    found = set()
    for name, arguments in _calls():
        match name, arguments:
            case "conflict", [ast.Constant(value=str(reason)), *_]:
                found.add((STATUS[Kind.CONFLICT].name, reason))
            case "not_found", [ast.Constant(value=str(what)), *_]:
                found.add((STATUS[Kind.NOT_FOUND].name, f"{what}_not_found"))
            case "Refusal" | "__init__", [ast.Attribute(attr=kind), ast.Constant(value=str(reason)), *_] if (
                kind != "INVALID"
            ):
                found.add((STATUS[Kind[kind]].name, reason))
            case "abort", [_, ast.Attribute(attr=status), ast.Constant(value=str(reason)), *_]:
                found.add((status, reason))
            case _:
                pass
    return found


def wrong_fields() -> set[str]:
    """The reasons of single fields."""
    found = set()
    for name, arguments in _calls():
        at = POSITION.get(name)
        if at is not None and len(arguments) > at:
            found |= set(_words(arguments[at]))
        if name == "Refusal" and isinstance(arguments[0], ast.Attribute) and arguments[0].attr == "INVALID":
            found |= set(_words(arguments[1]))
    return found | set(_faults())


def _faults() -> Iterator[str]:
    """The checks of a graph yield pairs of a reason and a message."""
    for node in _nodes("domain/publish"):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield from _words(node.value.elts[0])


def _words(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _words(node.body)
        yield from _words(node.orelse)


def _calls() -> Iterator[tuple[str, list[ast.expr]]]:
    for node in (node for room in ROOMS for node in _nodes(room)):
        if isinstance(node, ast.Call):
            yield _name(node.func), node.args


def _nodes(room: str) -> Iterator[ast.AST]:
    for path in (SOURCE / room).rglob("*.py"):
        yield from ast.walk(ast.parse(path.read_text()))


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
