"""Faults made by hand in the engine and the rules: the simulation has to notice each of them.

A mutant is one expression of the source replaced by another; when the source has changed so that it is not there any
more, the test says so. Each is looked for where it shows soonest: in histories, in a race, in a story of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import getsource
from textwrap import dedent
from types import FunctionType

import pytest

from service.domain import conclusion, decide, flow, heard, outcome
from service.domain.transitions import IllegalTransition
from service.domain.turn import Turn
from service.engine.advance import Advance
from service.engine.crossing import Crossing
from service.engine.dispatcher import Dispatcher
from service.engine.relay import Relay
from service.engine.router import Router
from service.engine.ticker import Ticker
from tests.simulation.arena import race, serially
from tests.simulation.history import history
from tests.simulation.stages import NAMED
from tests.simulation.test_stories import (
    a_child_that_ends,
    a_commit_that_is_heard_of_after_its_lease,
    a_looker_that_died,
    a_start_that_is_not_heard_of,
    an_answer_for_a_step_that_came_later,
    an_event_for_the_next_wait_too,
)

SEEDS = 60

Play = Callable[[int], object]


def in_histories() -> Play:
    return history


def in_story(story: Play) -> Callable[[], Play]:
    return lambda: story


def in_race(name: str) -> Callable[[], Play]:
    """What is allowed is found out before anything is mutated."""

    def made() -> Play:
        prepare, contenders = NAMED[name]
        allowed = serially(prepare, contenders)

        def played(seed: int) -> None:
            assert race(seed, prepare, contenders).shape in allowed

        return played

    return made


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `function`, `right` becomes `wrong`; `shows` makes the play that has to notice it."""

    function: Callable[..., object]
    right: str
    wrong: str
    shows: Callable[[], Play] = in_histories


MUTANTS = {
    "a refusal rests on a remembered state": Mutant(
        Advance._try, "decision.empty or", "False or", in_race("pause against completion")
    ),
    "a repetition is refused before it is known": Mutant(
        Advance._try, "or _refused_unseen(letters, decision)", "", in_race("a repetition against pause")
    ),
    "an old state breaks on a new step": Mutant(
        Advance._try, "if cached:\n", "if False:\n", in_story(an_answer_for_a_step_that_came_later)
    ),
    "a lease counts from the answer on": Mutant(
        Advance._apply,
        "requests, leased_at)",
        "requests, self.clock.monotonic())",
        in_story(a_commit_that_is_heard_of_after_its_lease),
    ),
    "the dispatcher ignores the lease": Mutant(
        Dispatcher._perform,
        "until - self._monotonic()",
        "self.lease.call_seconds",
        in_story(a_commit_that_is_heard_of_after_its_lease),
    ),
    "nobody claims what the dead owe": Mutant(Dispatcher._claim, "room <= 0", "True"),
    "a failed publish is passed over": Mutant(Relay._publish, "return changes[:count]", "continue"),
    "a failed publish counts as done": Mutant(Relay._publish, "return changes[:count]", "return changes"),
    "nobody looks for what came before": Mutant(
        Router.opened,
        "self.tasks.spawn(self._look(run_id, workspace_id, waits))",
        "pass",
        in_race("event against the opening of its wait"),
    ),
    "nobody sweeps": Mutant(Ticker._sweep, "await self._router.sweep()", "False", in_story(a_looker_that_died)),
    "the clock wakes nobody": Mutant(Ticker._wake_due, "in due)", "in due[:0])"),
    "a call starts a child each time": Mutant(
        Crossing._start,
        "work.run_id, work.effect.id)",
        "work.run_id, self._ids.run())",
        in_story(a_start_that_is_not_heard_of),
    ),
    "a child keeps its end to itself": Mutant(
        conclusion._tell_parent, "not run.parent_step_id", "True", in_story(a_child_that_ends)
    ),
    "a cause is not remembered": Mutant(
        decide._verdict, "turn.guards.append(", "id(", in_story(an_event_for_the_next_wait_too)
    ),
    "every answer is wanted": Mutant(heard.wanted, " and step.state.open and step.attempt == effect.attempt", ""),
    "what came too late is left alone": Mutant(heard._undo, "objective_id != step.objective_id", "False"),
    "an abandoned agent works on": Mutant(outcome.take_back, "if step.objective_id:", "if False:"),
    "a paused run goes on": Mutant(
        flow.settle,
        "turn.run.state is not RunState.RUNNING",
        "turn.run.state.terminal",
        in_race("pause against completion"),
    ),
    "costs are not summed": Mutant(Turn._tell, "self.run.total_cost_usd + spent", "self.run.total_cost_usd"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    play = mutant.shows()
    with _mutated(mutant):
        caught = any(_breaks(play, seed) for seed in range(1, SEEDS))
    assert caught, f"nobody noticed that {name}"


def _breaks(play: Play, seed: int) -> bool:
    try:
        play(seed)
    except (AssertionError, IllegalTransition, LookupError):  # any other error is the mutant's own
        return True
    return False


@contextmanager
def _mutated(mutant: Mutant) -> Iterator[None]:
    """The function keeps its identity, so whoever has imported it gets the mutant, too."""
    function = mutant.function
    assert isinstance(function, FunctionType)
    source = dedent(getsource(function))
    assert source.count(mutant.right) == 1, f"{mutant.right!r} is not in the source any more"
    made: dict[str, FunctionType] = {}
    exec(source.replace(mutant.right, mutant.wrong), function.__globals__, made)
    kept, function.__code__ = function.__code__, made[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = kept
