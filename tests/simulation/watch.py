"""What must hold after every commit, whatever goes wrong: looked at by somebody who only sees rows.

The tables of transitions were obeyed from the row that was written over; sequences are dense; sums are exact; an ended
step has its time; nothing began before its predecessors; an effect is answered at most once in its life.
"""

from dataclasses import dataclass, field

from service.domain import transitions
from service.domain.decision import Event
from service.domain.effects import Deliver, Owed
from service.domain.flow import Fate, fate
from service.domain.plan import Plan
from service.domain.state import Run, RunState, StepState, step_of
from service.domain.turn import Turn
from tests.simulation.tables import Commit, Tables


@dataclass
class Watch:
    tables: Tables
    settled: set[tuple[str, str]] = field(default_factory=set)
    commits: int = 0
    _plans: dict[tuple[str, int], Plan] = field(default_factory=dict)

    def look(self, commit: Commit) -> None:
        self.commits += 1
        before, after = commit.before, commit.after
        _is_dense(commit)
        _obeys_the_tables(before, commit.decision.events)
        _adds_up(after)
        _is_stamped(after)
        self._nothing_runs_too_early(after)
        for effect in commit.decision.settled:
            self._is_answered_once(after.id, effect)

    def _is_answered_once(self, run_id: str, effect: Owed) -> None:
        """A delivery may be owed again to whoever opens a wait later; its cause absorbs it."""
        if effect.kind != Deliver.__name__:
            assert (run_id, effect.id) not in self.settled, f"{run_id}/{effect.id} was answered twice"
            self.settled.add((run_id, effect.id))

    def plan(self, run: Run) -> Plan:
        key = (run.definition_id, run.definition_version)
        if key not in self._plans:
            self._plans[key] = Plan.of(self.tables.versions[key])
        return self._plans[key]

    def _nothing_runs_too_early(self, run: Run) -> None:
        plan = self.plan(run)
        turn = Turn(plan, run, self.tables.now())
        for step_id, edges in plan.graph.incoming.items():
            if run.steps[step_id].attempt and not run.compensation:
                fates = [fate(turn, edge) for edge in edges]
                assert Fate.OPEN not in fates, f"{step_id} began before its predecessors"
                assert not fates or Fate.TAKEN in fates, f"{step_id} began on a dead edge"


def _is_dense(commit: Commit) -> None:
    last = commit.before.sequence if commit.before else 0
    told = [event.sequence for event in commit.decision.events]
    assert told == list(range(last + 1, commit.after.sequence + 1)), f"{commit.after.id} skipped a number: {told}"


def _obeys_the_tables(before: Run | None, events: tuple[Event, ...]) -> None:
    state = before.state if before else RunState.RUNNING
    steps = {key: step.state for key, step in before.steps.items()} if before else {}
    for event in events:
        transitions.check(transitions.RUN, state, event.run.state)
        state = event.run.state
        if event.step is not None:
            was = steps.get(event.step.step_id, StepState.PENDING)
            transitions.check(transitions.STEP, was, event.step.state)
            steps[event.step.step_id] = event.step.state


def _adds_up(run: Run) -> None:
    assert run.total_cost_usd == sum(step.cost_usd for step in run.steps.values()), f"{run.id} does not add up"
    for key in {step_of(item) for item in run.items}:
        spent = sum(item.cost_usd for item in run.items.values() if step_of(item.step_id) == key)
        assert run.steps[key].cost_usd == spent, f"{run.id}/{key} does not add up"


def _is_stamped(run: Run) -> None:
    for step in (*run.steps.values(), *run.items.values()):
        assert (step.completed_at is not None) == step.state.terminal, f"{run.id}/{step.step_id} has no end"
