"""Does every expression parse, name only what is there, and give what its place needs?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from service.domain.definition import Version
from service.domain.errors import Violation
from service.domain.expression_faults import ExpressionError
from service.domain.expression_text import MACROS, named_steps, step_like_names, tokenize
from service.domain.graph import Graph
from service.domain.places import Place, Scopes, alias, of_trigger
from service.domain.suggestions import Memory, did_you_mean, one_of

MAX_EXPRESSIONS = 5000
MAX_TEXT = 256 * 1024

LITERALS = frozenset({"true", "false", "null"})
FUNCTIONS = MACROS | {
    *("has", "size", "contains", "startsWith", "endsWith", "matches", "type", "dyn"),
    *("int", "uint", "double", "string", "bool", "timestamp", "duration"),
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
}
_MEANT = {"=": "==", "===": "==", "!==": "!=", "<>": "!=", "and": "&&", "or": "||", "not": "!"}
_SLIP = re.compile(
    r"""(?x) "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'  # texts stay as they are
    | [<>=!]=(?!=) | !== | =+ | <> | \b(?:and|or)\b | \bnot\b\s*"""
)


def problems(draft: Version, graph: Graph) -> Iterator[Violation]:
    """`graph` is the sound part of the draft's."""
    found = list(islice(places(draft, graph), MAX_EXPRESSIONS + 1))
    if len(found) > MAX_EXPRESSIONS or sum(len(place.source) for _, place in found) > MAX_TEXT:
        message = f"a version has at most {MAX_EXPRESSIONS} expressions of {MAX_TEXT} characters together"
        yield Violation("steps", "too_many_expressions", message)
        return
    judge = _Judge({alias(step.id): step.id for step in draft.steps})
    for path, place in found:
        yield from judge.faults(path, place)


def places(draft: Version, graph: Graph) -> Iterator[tuple[str, Place]]:
    """Every expression of the draft with its full path."""
    scopes = Scopes(graph, draft.steps)
    for index, step in enumerate(draft.steps):
        yield from ((f"steps[{index}].{place.path}", place) for place in scopes.of_step(step))
    for index, edge in enumerate(draft.edges):
        yield from ((f"edges[{index}].{place.path}", place) for place in scopes.of_edge(edge))
    yield from ((f"trigger.{place.path}", place) for place in of_trigger(draft))


class _Judge:
    """Looks at the expressions of one draft; `aliases` are its steps by their names in expressions."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._memory = Memory()

    def faults(self, path: str, place: Place) -> Iterator[Violation]:
        try:
            program = place.compile()
        except ExpressionError as error:
            yield self._not_compiled(path, place, error)
            return
        tokens = tokenize(place.source)
        if "steps" in program.names & place.names:
            yield from self._unseen(path, place, set(named_steps(tokens)))
        for name in sorted(set(step_like_names(tokens)) & program.names & self._aliases.keys() - place.names):
            message = f"step {self._aliases[name]!r} is not in scope at this place under its bare name"
            yield Violation(path, "not_upstream", message, _found(rf"(?<![\w.\"'])({name})\s*\.", place.source))

    def _not_compiled(self, path: str, place: Place, error: ExpressionError) -> Violation:
        offset, name = -1 if error.offset is None else error.offset, error.name or ""
        if error.reason == "unknown_name" and name in self._aliases:
            message = f"step {self._aliases[name]!r} is not upstream of this place"
            return Violation(path, "not_upstream", message, offset)
        return Violation(path, error.reason, str(error), offset, self._suggestion(place, error.reason, name))

    def _suggestion(self, place: Place, reason: str, name: str) -> str:
        match reason:
            case "unknown_name":
                return self._memory.nearest(name, place.names | LITERALS) or one_of(place.names)
            case "unknown_function":
                return self._memory.nearest(name, FUNCTIONS)
            case "expression_syntax":
                return _rewritten(place)
            case _:
                return ""

    def _unseen(self, path: str, place: Place, named: set[str]) -> Iterator[Violation]:
        known = set(self._aliases.values())
        for id in sorted(named - place.steps):
            offset = _found(rf"\bsteps\s*(?:\.|\[\s*[\"'])\s*({re.escape(id)})", place.source)
            if id in known:
                yield Violation(path, "not_upstream", f"step {id!r} is not upstream of this place", offset)
            else:
                meant = self._memory.nearest(id, place.steps)
                yield Violation(path, "unknown_step", f"there is no step {id!r}", offset, meant)


def _found(pattern: str, source: str) -> int:
    """The offset of the pattern's group; -1 where it is not."""
    found = re.search(pattern, source)
    return found.start(1) if found else -1


def _rewritten(place: Place) -> str:
    """The same with the operators of other languages written as ours, if that is what was wrong."""
    tried = _SLIP.sub(lambda slip: _MEANT.get(slip[0].strip(), slip[0]), place.source)
    try:
        replace(place, source=tried).compile()
    except ExpressionError:
        return ""
    return did_you_mean(tried)
