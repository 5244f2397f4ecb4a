"""What holds for every graph and every order of events.

Random graphs of mixed step types are driven by random completions, failures, repetitions and the clock. After every
command: the tables were obeyed, terminal stays terminal, no step ran before its predecessors, joins fired once, sums
are exact, sequences are dense; and every run that is given what it asks for ends.
"""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import transitions
from service.domain.commands import TransitionStep
from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType, Version
from service.domain.effects import (
    ActionEvaluated,
    Answer,
    ApprovalRequested,
    ApprovalStatus,
    Delegated,
    DelegationStatus,
    Effect,
    Fault,
    FaultKind,
    NotificationSent,
    ObjectiveCancelled,
    ObjectiveCreated,
    ObjectivePrepared,
    ObjectiveStatus,
    UsageReported,
)
from service.domain.flow import Fate, fate
from service.domain.state import ZERO, Run, StepState
from service.domain.turn import Turn
from tests.builders import Story, step, version

KINDS = [kind for kind in StepType if kind is not StepType.PARALLEL]


@st.composite
def graphs(draw: st.DrawFn) -> Version:
    """Edges only point forward, so every graph is acyclic; each step but the first has at least one predecessor."""
    count = draw(st.integers(1, 9))
    steps = [_step(f"s{number}", draw(st.sampled_from(KINDS)), draw(st.booleans())) for number in range(count)]
    edges: list[Edge] = []
    for target in range(1, count):
        sources = draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=3))
        edges += [Edge(f"s{source}", f"s{target}", _condition(draw, steps[source])) for source in sorted(sources)]
    return version(steps, edges, retry=RetryPolicy(draw(st.integers(0, 2)), 5, 2.0), timeout_seconds=3600)


def _condition(draw: st.DrawFn, source: StepDefinition) -> str:
    return draw(st.sampled_from(["", "pick == 1.0", "pick != 1.0"])) if source.step_type is StepType.BRANCH else ""


def _step(step_id: str, kind: StepType, by_capability: bool) -> StepDefinition:
    fields: dict[str, Any] = {"event_type_pattern": "x.>"} if kind is StepType.WAIT_FOR_EVENT else {}
    if kind is StepType.AGENT_ACTION:
        fields = {"required_capability": "c"} if by_capability else {"agent_id": "agent_1"}
    return step(step_id, kind, **fields)


def _answers(effect: Effect, story: Story) -> list[Answer | Fault]:
    """Everything a sibling may say to this call."""
    step_id, attempt = effect.step_id, effect.attempt
    approval = f"apr_{step_id}_{attempt}"
    good: dict[str, list[Answer | Fault]] = {
        "PrepareObjective": [ObjectivePrepared("agent_2"), Fault(FaultKind.FAILED, "no_agent", "none")],
        "GetObjective": [ObjectiveStatus(f"obj_{step_id}_{attempt}", said) for said in ("RUNNING", "COMPLETED")],
        "QueryUsage": [UsageReported(f"obj_{step_id}_{attempt}", Decimal("0.07"), 1), UsageReported("obj", ZERO, 0)],
        "CreateObjective": [ObjectiveCreated(f"obj_{step_id}_{attempt}", "agent_1")],
        "CancelObjective": [ObjectiveCancelled("obj")],
        "Delegate": [Delegated("del_1"), Delegated("del_1", "REJECTED", "no")],
        "GetDelegation": [DelegationStatus("del_1", said) for said in ("ACCEPTED", "COMPLETED", "FAILED")],
        "RequestApproval": [ApprovalRequested(approval), ApprovalRequested(approval, auto_approved=True)],
        "GetApproval": [ApprovalStatus(approval, said) for said in ("APPROVED", "DENIED", "PENDING")],
        "EvaluateAction": [ActionEvaluated(said) for said in ("ALLOW", "DENY", "REQUIRE_APPROVAL")],
        "SendNotification": [NotificationSent("ntf_1"), Fault(FaultKind.REJECTED, "invalid", "bad")],
    }
    return good[effect.kind]


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


def _something(story: Story, data: st.DataObject) -> None:
    what = data.draw(st.sampled_from(["report", "answer", "repeat", "clock"]))
    if what == "answer" and story.owed:
        effect = story.owed[data.draw(st.sampled_from(sorted(story.owed)))]
        _say(story, effect.id, data.draw(st.sampled_from(_answers(effect, story))))
    elif what == "clock":
        story.wait(data.draw(st.sampled_from([1, 10, 100])))
    else:
        step_id = data.draw(st.sampled_from(sorted(story.run.steps)))
        state = data.draw(st.sampled_from(list(StepState)))
        cost = data.draw(st.sampled_from([None, Decimal("0.1"), Decimal("0.034")]))
        report = TransitionStep(step_id, state, cost_usd=cost, output_payload={"pick": 1.0})
        story.do(*([report] * (2 if what == "repeat" else 1)), guarded=False)


def _say(story: Story, effect_id: str, answer: Answer | Fault) -> None:
    if isinstance(answer, Fault):
        story.fault(effect_id, answer)
    else:
        story.answer(effect_id, answer)


def _finish(story: Story, watch: "Watch") -> None:
    """Gives the run everything it asks for, until it ends; that takes a bounded number of rounds."""
    for _ in range(200):
        if story.run.state.terminal:
            return
        for effect_id in sorted(story.owed):
            if effect_id in story.owed:
                _say(story, effect_id, _answers(story.owed[effect_id], story)[0])
        for step_id, found in story.run.steps.items():
            if found.state.open and found.step_type not in (StepType.BRANCH, StepType.GOVERNANCE_CHECK):
                story.complete(step_id, pick=1.0)
        story.wait(30)
        watch.look()


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
        assert [event.sequence for event in self.story.events] == list(range(1, run.sequence + 1))
        assert run.total_cost_usd == sum(found.cost_usd for found in run.steps.values())
        assert all((found.completed_at is not None) == found.state.terminal for found in run.steps.values())
        self.before = run

    def _obeys_the_tables(self, run: Run) -> None:
        before = self.before.steps if self.before else {}
        seen = {key: before[key].state if key in before else StepState.PENDING for key in run.steps}
        for event in self.story.last.events:
            if event.step is not None:
                transitions.check(transitions.STEP, seen[event.step.step_id], event.step.state)
                seen[event.step.step_id] = event.step.state
        assert self.before is None or not self.before.state.terminal or run.state is self.before.state

    def _nothing_runs_too_early(self, run: Run) -> None:
        turn = Turn(self.story.plan, run, self.story.now)
        for step_id, edges in self.story.plan.graph.incoming.items():
            if run.steps[step_id].attempt:
                fates = [fate(turn, edge) for edge in edges]
                assert Fate.OPEN not in fates
                assert not fates or Fate.TAKEN in fates
