"""What holds for every graph and every order of events.

Random graphs of mixed step types are driven by random completions, failures, repetitions, events, people and the clock.
After every command: the tables were obeyed, terminal stays terminal, no step ran before its predecessors, joins fired
once, sums are exact, sequences are dense, no effect's id was used twice, lists keep their limits; every run that is
given what it asks for ends; and then no objective is left to itself.
"""

from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import transitions
from service.domain.answers import Answer, Fault
from service.domain.calls import CancelObjective
from service.domain.commands import (
    CancelRun,
    ChildEnded,
    ClaimTask,
    CommentTask,
    CompleteTask,
    RejectTask,
    ReleaseTask,
    TaskCommand,
    TransitionStep,
)
from service.domain.definition import StepType, Version
from service.domain.flow import EdgeFate, fate
from service.domain.state import Run, RunState, StepRun, StepState
from service.domain.turn import Turn
from tests.builders import Story, event
from tests.domain.drawn import answers, graphs

NOT_OVER = frozenset({StepType.BRANCH, StepType.GOVERNANCE_CHECK, StepType.AGENT_ACTION})
ENDED_BY_ITSELF = frozenset({"objective_failed", "objective_cancelled", "reported_failure", "result_missing"})
"""Failures that say that the objective has ended; after every other it has to be cancelled."""
COSTS = st.sampled_from([None, Decimal("0.1"), Decimal("0.034")])


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_whatever_happens_the_invariants_hold(drawn: Version, data: st.DataObject) -> None:
    story = Story(drawn, {"pick": data.draw(st.sampled_from([1.0, 2.0]))})
    watch = Watch(story)
    for _ in range(data.draw(st.integers(0, 25))):
        _something(story, data)
        watch.look()
    _finish(story, watch)
    assert story.run.state.terminal
    watch.nothing_is_left_to_itself()


# --- what happens ----------------------------------------------------------------------------------------------------


def _something(story: Story, data: st.DataObject) -> None:
    happenings = {
        "report": _report, "answer": _some_answer, "clock": _clock, "objective": _objective, "event": _event,
        "task": _task, "child": _child, "cancel": _cancel,
    }  # fmt: skip
    happenings[data.draw(st.sampled_from(["answer", "answer", "objective", *happenings]))](story, data)


def _report(story: Story, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted([*story.run.steps, *story.run.items])))
    state = data.draw(st.sampled_from(list(StepState)))
    item = key in story.run.items
    objective_id = story[key].objective_id if item else ""
    report = TransitionStep(
        key.partition("[")[0], state, objective_id, cost_usd=data.draw(COSTS), output_payload={"pick": 1.0}
    )
    story.do(*([report] * data.draw(st.integers(1, 2))), guarded=False)


def _some_answer(story: Story, data: st.DataObject) -> None:
    if story.owed:
        effect = story.owed[data.draw(st.sampled_from(sorted(story.owed)))]
        _say(story, effect.id, data.draw(st.sampled_from(answers(effect))))


def _clock(story: Story, data: st.DataObject) -> None:
    story.wait(data.draw(st.sampled_from([1, 10, 100, 400])))


def _objective(story: Story, data: st.DataObject) -> None:
    """News of an objective of any attempt, perhaps of one that is over."""
    known = sorted({step.objective_id for step in _all(story.run)} - {""})
    known += sorted(past for step in _all(story.run) for past in step.earlier_work if past.startswith("obj"))
    if known:
        state = data.draw(st.sampled_from(["RUNNING", "COMPLETED", "FAILED", "CANCELLED"]))
        output = data.draw(st.sampled_from([None, {"pick": 1.0}]))
        story.hear_of(data.draw(st.sampled_from(known)), state, output=output, cost_usd=data.draw(COSTS))


def _event(story: Story, data: st.DataObject) -> None:
    story.hear(event(f"evt_{len(story.events)}", "x.y", payload={"pick": data.draw(st.sampled_from([1, 2.0, None]))}))


def _task(story: Story, data: st.DataObject) -> None:
    step_id, user = data.draw(st.sampled_from(sorted(story.run.steps))), data.draw(st.sampled_from(["ann", "bob"]))
    seen = data.draw(st.sampled_from([0, 1, 2]))
    commands: list[TaskCommand] = [
        ClaimTask(step_id, seen, user),
        ReleaseTask(step_id, seen, user),
        CommentTask(step_id, seen, user, "hm"),
        CompleteTask(step_id, seen, user, {"pick": 1.0}),
        RejectTask(step_id, seen, user, "no"),
    ]
    story.do(data.draw(st.sampled_from(commands)))


def _child(story: Story, data: st.DataObject) -> None:
    step = story[data.draw(st.sampled_from(sorted(story.run.steps)))]
    if step.evidence.get("child_run_id") or f"{step.step_id}/{step.attempt}/StartChild" in story.owed:
        ends = [RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED]
        _end_child(story, step, data.draw(st.sampled_from(ends)), data.draw(COSTS) or Decimal(0))


def _cancel(story: Story, data: st.DataObject) -> None:
    if data.draw(st.integers(0, 4)) == 0:
        story.do(CancelRun("no"))


def _end_child(story: Story, step: StepRun, state: RunState, cost: Decimal) -> None:
    child = f"wfr_{step.step_id}_{step.attempt}"
    story.do(ChildEnded(step.step_id, step.attempt, child, state, {"pick": 1.0}, cost))


def _say(story: Story, effect_id: str, answer: Answer | Fault) -> None:
    if isinstance(answer, Fault):
        story.fault(effect_id, answer)
    else:
        story.answer(effect_id, answer)


def _finish(story: Story, watch: "Watch") -> None:
    """Gives the run everything it asks for, until it ends; that takes a bounded number of rounds."""
    for _ in range(200):
        if story.run.state.terminal:
            break
        _settle(story)
        for step in _all(story.run):
            _bring_home(story, step)
        story.wait(30)
        watch.look()
    _settle(story)
    watch.look()


def _settle(story: Story) -> None:
    for effect_id in sorted(story.owed):
        if effect_id in story.owed:
            _say(story, effect_id, answers(story.owed[effect_id])[0])


def _bring_home(story: Story, step: StepRun) -> None:
    if not story[step.step_id].state.open:
        return
    if step.evidence.get("child_run_id"):
        _end_child(story, step, RunState.COMPLETED, Decimal("0.5"))
    elif step.objective_id:
        story.hear_of(step.objective_id, "COMPLETED", output={"pick": 1.0})
    elif step.step_type not in NOT_OVER:
        story.complete(step.step_id, pick=1.0)


# --- what has to hold ------------------------------------------------------------------------------------------------


def _all(run: Run) -> list[StepRun]:
    return [*run.steps.values(), *run.items.values()]


class Watch:
    """Compares the run with what it was at the last look."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.before: Run | None = None
        self.look()

    def look(self) -> None:
        run = self.story.run
        self._obeys_the_tables(run)
        self._nothing_runs_too_early(run)
        self._lists_keep_their_limits(run)
        assert [event.sequence for event in self.story.events] == list(range(1, run.sequence + 1))
        assert max(Counter(effect.id for effect in self.story.ever_owed).values(), default=1) == 1
        assert run.total_cost_usd == sum(found.cost_usd for found in run.steps.values())
        assert all((found.completed_at is not None) == found.state.terminal for found in _all(run))
        assert all((task.closed_at is not None) == run.steps[key].state.terminal for key, task in run.tasks.items())
        self.before = run

    def _obeys_the_tables(self, run: Run) -> None:
        before = self.before.steps if self.before else {}
        seen = {key: before[key].state if key in before else StepState.PENDING for key in run.steps}
        for told in self.story.events[self.before.sequence if self.before else 0 :]:
            if told.step is not None:
                transitions.check(transitions.STEP, seen[told.step.step_id], told.step.state)
                seen[told.step.step_id] = told.step.state
        assert self.before is None or not self.before.state.terminal or run.state is self.before.state

    def _nothing_runs_too_early(self, run: Run) -> None:
        turn = Turn(self.story.plan, run, self.story.now)
        for step_id, edges in self.story.plan.graph.incoming.items():
            if run.steps[step_id].attempt:
                fates = [fate(turn, edge) for edge in edges]
                assert EdgeFate.OPEN not in fates
                assert not fates or EdgeFate.TAKEN in fates

    def _lists_keep_their_limits(self, run: Run) -> None:
        turn = Turn(self.story.plan, run, self.story.now)
        for step_id in {key.partition("[")[0] for key in run.items}:
            items, step = turn.items(step_id), run.steps[step_id]
            busy = [item for item in items if item.state.open]
            assert len(busy) <= turn.planned(step_id).config["concurrency"]
            assert len({item.evidence["batch"] for item in busy}) <= 1
            assert step.state is StepState.RUNNING or not busy
            assert step.cost_usd == sum(item.cost_usd for item in items)

    def nothing_is_left_to_itself(self) -> None:
        """An objective that has not ended is cancelled once, one that has ended never."""
        cancelled = Counter(call.objective_id for call in self.story.calls(CancelObjective))
        assert max(cancelled.values(), default=1) == 1
        for step in _all(self.story.run):
            for past in step.evidence.get("attempts", ()):
                if past["objective_id"].startswith("obj"):
                    assert cancelled[past["objective_id"]] == (past["error_reason"] not in ENDED_BY_ITSELF)
            if step.objective_id:
                assert cancelled[step.objective_id] == _was_given_up(step)


def _was_given_up(step: StepRun) -> bool:
    """Whether its last attempt ended otherwise than by the end of its objective."""
    return step.state is StepState.CANCELLED or step.error_reason not in {"", *ENDED_BY_ITSELF}
