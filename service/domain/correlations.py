"""What an event has in common with waits that want only events with a certain value in them.

Such a wait is addressed under the value that its run expects; here the same key (`waits.correlation`) comes from the
event, by the expression that the waiting step names. Whoever can publish an event must not be able to stop its routing
with one that an expression cannot read: then the two have nothing in common. Called by the inbox when it routes.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from service.domain.bus_event import BusEvent
from service.domain.expression_faults import ExpressionError
from service.domain.expressions import Program, compile_program
from service.domain.places import EVENT_NAMES
from service.domain.scope import event_view
from service.domain.waits import correlation


class Correlate(NamedTuple):
    """Some version waits for events of this type pattern and tells them apart by the value of the expression."""

    pattern: str
    expression: str


def correlations(event: BusEvent, awaited: Collection[Correlate]) -> dict[Correlate, str]:
    """The event's key for each that has a value; every expression is evaluated once."""
    keys = {expression: _key(expression, event) for expression in {one.expression for one in awaited}}
    return {one: key for one in awaited if (key := keys[one.expression])}


def _key(expression: str, event: BusEvent) -> str:
    program = _program(expression)
    if program is None:
        return ""
    try:
        value = program.evaluate({**(event.payload or {}), "event": event_view(event)})
        return "" if value is None else correlation(expression, value)
    except ExpressionError:
        return ""


@lru_cache(maxsize=4096)
def _program(expression: str) -> Program | None:
    """None when it does not compile any more."""
    try:
        return compile_program(expression, EVENT_NAMES, open_names=True)
    except ExpressionError:
        return None
