"""Does every expression parse, name only what is there, and give what its place needs?"""

from collections.abc import Iterator
from itertools import islice

from service.domain.definition import Version
from service.domain.errors import Violation
from service.domain.expression_text import named_steps, step_like_names, tokenize
from service.domain.expressions import ExpressionError
from service.domain.graph import Graph
from service.domain.places import Place, Scopes, alias, of_trigger

MAX_EXPRESSIONS = 5000
MAX_TEXT = 256 * 1024


def problems(draft: Version, graph: Graph) -> Iterator[Violation]:
    """`graph` is the sound part of the draft's."""
    found = list(islice(places(draft, graph), MAX_EXPRESSIONS + 1))
    if len(found) > MAX_EXPRESSIONS or sum(len(place.source) for _, place in found) > MAX_TEXT:
        message = f"a version has at most {MAX_EXPRESSIONS} expressions of {MAX_TEXT} characters together"
        yield Violation("steps", "too_many_expressions", message)
        return
    aliases = {alias(step.id): step.id for step in draft.steps}
    for path, place in found:
        for reason, message in _faults(place, aliases):
            yield Violation(path, reason, message)


def places(draft: Version, graph: Graph) -> Iterator[tuple[str, Place]]:
    """Every expression of the draft with its full path."""
    scopes = Scopes(graph, draft.steps)
    for index, step in enumerate(draft.steps):
        yield from ((f"steps[{index}].{place.path}", place) for place in scopes.of_step(step))
    for index, edge in enumerate(draft.edges):
        yield from ((f"edges[{index}].{place.path}", place) for place in scopes.of_edge(edge))
    yield from ((f"trigger.{place.path}", place) for place in of_trigger(draft))


def _faults(place: Place, aliases: dict[str, str]) -> Iterator[tuple[str, str]]:
    try:
        program = place.compile()
    except ExpressionError as error:
        if error.reason == "unknown_name" and error.name in aliases:
            yield "not_upstream", f"step {aliases[error.name]!r} is not upstream of this place"
        else:
            yield error.reason, str(error)
        return
    tokens = tokenize(place.source)
    if "steps" in program.names & place.names:
        yield from _unseen(place, set(named_steps(tokens)), set(aliases.values()))
    for name in sorted(set(step_like_names(tokens)) & program.names & aliases.keys() - place.names):
        yield "not_upstream", f"step {aliases[name]!r} is not in scope at this place under its bare name"


def _unseen(place: Place, named: set[str], known: set[str]) -> Iterator[tuple[str, str]]:
    for id in sorted(named - place.steps):
        if id in known:
            yield "not_upstream", f"step {id!r} is not upstream of this place"
        else:
            yield "unknown_step", f"there is no step {id!r}"
