"""Random graphs of every kind of step, and everything the world may answer: what the properties are held against."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from service.domain.answers import (
    ActionEvaluated,
    Answer,
    ApprovalRequested,
    ApprovalStatus,
    ChildStarted,
    Delegated,
    DelegationStatus,
    Fault,
    FaultKind,
    NotificationSent,
    ObjectiveCancelled,
    ObjectiveCreated,
    ObjectivePrepared,
    ObjectiveStatus,
    RunTold,
    UsageReported,
)
from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType, Version
from service.domain.effects import Effect
from service.domain.state import ZERO
from tests.builders import step, version

KINDS = [kind for kind in StepType if kind is not StepType.PARALLEL]
NO_AGENT = Fault(FaultKind.FAILED, "no_agent", "none")


@st.composite
def graphs(draw: st.DrawFn) -> Version:
    """Edges only point forward, so every graph is acyclic; each step but the first has at least one predecessor."""
    count = draw(st.integers(1, 9))
    steps = [draw(_steps(f"s{number}")) for number in range(count)]
    edges: list[Edge] = []
    for target in range(1, count):
        sources = draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=3))
        edges += [Edge(f"s{source}", f"s{target}", _condition(draw, steps[source])) for source in sorted(sources)]
    return version(steps, edges, retry=RetryPolicy(draw(st.integers(0, 2)), 5, 2.0), timeout_seconds=3600)


def _condition(draw: st.DrawFn, source: StepDefinition) -> str:
    return draw(st.sampled_from(["", "pick == 1.0", "pick != 1.0"])) if source.step_type is StepType.BRANCH else ""


@st.composite
def _steps(draw: st.DrawFn, step_id: str) -> StepDefinition:
    kind = draw(st.sampled_from(KINDS))
    fields: dict[str, Any] = {}
    if kind is StepType.WAIT_FOR_EVENT:
        correlate = {"correlate": {"event": "pick", "run": "input.pick"}}
        fields = {"event_type_pattern": "x.>", "config": draw(st.sampled_from([{}, correlate]))}
    elif kind is StepType.AGENT_ACTION:
        fields = draw(st.one_of(_objective(), _with_items(), st.just({"config": {"workflow": {"name": "child"}}})))
    return step(step_id, kind, **fields)


def _objective() -> st.SearchStrategy[dict[str, Any]]:
    config = st.sampled_from([{}, {"heartbeat_seconds": 20}, {"output_required": True}, {"on_failure": "continue"}])
    whose = st.sampled_from([{"agent_id": "agent_1"}, {"required_capability": "c"}])
    return st.tuples(whose, config).map(lambda drawn: {**drawn[0], "config": drawn[1]})


def _with_items() -> st.SearchStrategy[dict[str, Any]]:
    config = st.fixed_dictionaries(
        {
            "items": st.integers(0, 4).map(lambda count: str(list(range(count)))),
            "concurrency": st.integers(1, 3),
            "batch_size": st.integers(1, 3),
            "tolerated_failures": st.integers(0, 2),
        }
    )
    return config.map(lambda drawn: {"agent_id": "agent_1", "config": drawn})


def answers(effect: Effect) -> list[Answer | Fault]:
    """Everything that may be answered to this call, what is hoped for first."""
    step_id, attempt = effect.step_id, effect.attempt
    objective, approval = f"obj_{step_id}_{attempt}", f"apr_{step_id}_{attempt}"
    found: dict[str, list[Answer | Fault]] = {
        "PrepareObjective": [ObjectivePrepared("agent_2"), NO_AGENT],
        "GetObjective": [ObjectiveStatus(objective, said) for said in ("RUNNING", "COMPLETED", "FAILED")],
        "QueryUsage": [UsageReported(objective, Decimal("0.07"), 1), UsageReported(objective, ZERO, 0)],
        "CreateObjective": [ObjectiveCreated(objective, "agent_1"), NO_AGENT],
        "CancelObjective": [ObjectiveCancelled(objective)],
        "Delegate": [Delegated("del_1"), Delegated("del_1", "REJECTED", "no"), NO_AGENT],
        "GetDelegation": [DelegationStatus("del_1", said) for said in ("ACCEPTED", "COMPLETED", "FAILED")],
        "RequestApproval": [ApprovalRequested(approval), ApprovalRequested(approval, auto_approved=True)],
        "GetApproval": [ApprovalStatus(approval, said) for said in ("APPROVED", "DENIED", "PENDING")],
        "EvaluateAction": [ActionEvaluated(said) for said in ("ALLOW", "DENY", "REQUIRE_APPROVAL")],
        "SendNotification": [NotificationSent("ntf_1"), Fault(FaultKind.REJECTED, "invalid", "bad")],
        "StartChild": [ChildStarted(f"wfr_{step_id}_{attempt}"), Fault(FaultKind.FAILED, "workflow_not_found", "no")],
        "CancelChild": [RunTold()],
    }
    return found[effect.kind]
