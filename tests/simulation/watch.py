"""What must hold after every commit, whatever goes wrong: looked at by somebody who only sees rows.

The tables of transitions were obeyed from the row that was written over; sequences are dense; sums are exact; an ended
step has its time; nothing began before its predecessors or in a paused run; an effect is answered at most once in its
life, a bus event heard at most once by a run, and an attempt has one child run.
"""

from dataclasses import dataclass, field

from service.domain import transitions
from service.domain.calls import Deliver
from service.domain.decision import Event
from service.domain.definition import Edge, StepType
from service.domain.effects import Owed
from service.domain.flow import EdgeFate, fate
from service.domain.plan import Plan
from service.domain.state import Run, RunState, StepRun, StepState, step_of
from service.domain.turn import Turn
from tests.simulation.tables import Commit, Tables


@dataclass
class Watch:
    tables: Tables
    settled: set[tuple[str, str]] = field(default_factory=set)
    children: set[tuple[str, str, int]] = field(default_factory=set)
    commits: int = 0
    _plans: dict[tuple[str, int], Plan] = field(default_factory=dict)

    def look(self, commit: Commit) -> None:
        self.commits += 1
        before, after = commit.before, commit.after
        _is_dense(commit)
        _obeys_the_tables(before, commit.decision.events)
        _adds_up(after)
        _is_stamped(after)
        _hears_once(before, after)
        self._nothing_runs_too_early(after)
        if before is None and after.parent_run_id:
            self._is_only_child(after)
        for effect in commit.decision.settled:
            self._is_answered_once(after.id, effect)

    def _is_only_child(self, run: Run) -> None:
        place = (run.parent_run_id, run.parent_step_id, run.parent_attempt)
        assert place not in self.children, f"{run.id} is a second child of {place}"
        self.children.add(place)

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
                fates = [_fate(turn, edge) for edge in edges]
                assert EdgeFate.OPEN not in fates, f"{step_id} began before its predecessors"
                assert not fates or EdgeFate.TAKEN in fates, f"{step_id} began on a dead edge"


def _fate(turn: Turn, edge: Edge) -> EdgeFate:
    """A PARALLEL lets its children begin before it ends, however it ends."""
    source = turn.step(edge.from_step_id)
    return EdgeFate.TAKEN if source.step_type is StepType.PARALLEL and source.attempt else fate(turn, edge)


def _is_dense(commit: Commit) -> None:
    last = commit.before.sequence if commit.before else 0
    told = [event.sequence for event in commit.decision.events]
    assert told == list(range(last + 1, commit.after.sequence + 1)), f"{commit.after.id} skipped a number: {told}"


def _obeys_the_tables(before: Run | None, events: tuple[Event, ...]) -> None:
    state = before.state if before else RunState.RUNNING
    steps = dict(before.steps) if before else {}
    for event in events:
        transitions.check(transitions.RUN, state, event.run.state)
        state = event.run.state
        if event.step is not None:
            _moves_well(steps.get(event.step.step_id), event.step, state)
            steps[event.step.step_id] = event.step


def _moves_well(before: StepRun | None, after: StepRun, run: RunState) -> None:
    transitions.check(transitions.STEP, before.state if before else StepState.PENDING, after.state)
    began = after.attempt > (before.attempt if before else 0)
    assert not began or run is not RunState.PAUSED, f"{after.step_id} began in a paused run"


def _hears_once(before: Run | None, after: Run) -> None:
    """All who waited at that moment heard it; nobody does later."""
    known = {step.event_id for step in before.steps.values() if step.event_id} if before else set()
    for key, step in after.steps.items():
        fresh = before is None or key not in before.steps or before.steps[key].event_id != step.event_id
        assert not fresh or step.event_id not in known, f"{after.id} heard {step.event_id} again"


def _adds_up(run: Run) -> None:
    assert run.total_cost_usd == sum(step.cost_usd for step in run.steps.values()), f"{run.id} does not add up"
    for key in {step_of(item) for item in run.items}:
        spent = sum(item.cost_usd for item in run.items.values() if step_of(item.step_id) == key)
        assert run.steps[key].cost_usd == spent, f"{run.id}/{key} does not add up"


def _is_stamped(run: Run) -> None:
    for step in (*run.steps.values(), *run.items.values()):
        assert (step.completed_at is not None) == step.state.terminal, f"{run.id}/{step.step_id} has no end"
