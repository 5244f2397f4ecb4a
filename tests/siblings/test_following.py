"""What became of it: an objective's state, a delegation's result, and what it all cost, asked of their owners."""

from decimal import Decimal
from typing import Any

import pytest
from agents.v1.agents_pb2 import (
    DELEGATION_STATUS_REJECTED,
    DelegateResponse,
    DelegationRecord,
    GetDelegationResponse,
)
from agents.v1.agents_pb2 import DelegationStatus as WireStatus
from approvals.v1.approvals_pb2 import ApprovalRequest, AutoApproveEvidence, RequestApprovalResponse
from meter.v1.meter_pb2 import QueryUsageRequest, QueryUsageResponse, UsageRecord
from objectives.v1.objectives_pb2 import GetResponse, Objective, ObjectiveState

from service.dev.siblings import SimulatedSiblings, Work
from service.domain.answers import (
    ApprovalRequested,
    Delegated,
    DelegationStatus,
    Fault,
    FaultKind,
    ObjectiveCreated,
    ObjectiveStatus,
    UsageReported,
)
from service.domain.calls import CreateObjective, Delegate, GetDelegation, GetObjective, QueryUsage
from service.siblings import SiblingClients, approvals, delegations, meter, objectives
from service.siblings.method import Garbled
from tests.siblings.asking import ask, held_objective


async def created(clients: SiblingClients, call: CreateObjective) -> str:
    answer = await ask(clients, call, key=call.marker)
    assert isinstance(answer, ObjectiveCreated)
    return answer.objective_id


async def test_an_objective_is_followed_to_its_end(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    objective_id = await created(clients, held_objective())

    assert await ask(clients, GetObjective(objective_id)) == ObjectiveStatus(objective_id, "RUNNING")
    await siblings.finish_objective(objective_id, Work(state="FAILED"))
    assert await ask(clients, GetObjective(objective_id)) == ObjectiveStatus(objective_id, "FAILED")


async def test_an_objective_that_is_not_there(clients: SiblingClients) -> None:
    answer = await ask(clients, GetObjective("obj_ghost"))

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.FAILED, "not_found")


@pytest.mark.parametrize("state", [0, 77])
def test_an_objective_in_no_known_state_is_no_answer(state: int) -> None:
    objective = Objective(id="obj_1")
    objective.state = state  # type: ignore[assignment]

    with pytest.raises(Garbled):
        objectives.GET.parse(GetResponse(objective=objective).SerializeToString())


@pytest.mark.parametrize("state", [name for name, number in ObjectiveState.items() if number])
def test_every_state_has_its_word(state: str) -> None:
    reply = GetResponse(objective=Objective(id="obj_1", state=ObjectiveState.Value(state)))

    answer = objectives.GET.parse(reply.SerializeToString())

    assert answer == ObjectiveStatus("obj_1", state.removeprefix("OBJECTIVE_STATE_"))


async def test_a_result_that_only_the_delegation_has(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    objective_id = await created(clients, held_objective())
    handed = await ask(clients, Delegate("agent_a", "agent_b", "research", objective_id, "research", {}))
    assert isinstance(handed, Delegated)

    before = await ask(clients, GetDelegation(handed.delegation_id))
    await siblings.finish_objective(objective_id, Work({"employees": 640}, result_in_delegation=True))
    after = await ask(clients, GetDelegation(handed.delegation_id))

    assert before == DelegationStatus(handed.delegation_id, "ACCEPTED")
    assert after == DelegationStatus(handed.delegation_id, "COMPLETED", {"employees": 640})


async def test_a_rejected_delegation_says_why(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.script.work["held"] = Work(held=True, delegation="REJECTED", error_message="no time")
    objective_id = await created(clients, held_objective())

    handed = await ask(clients, Delegate("agent_a", "agent_b", "research", objective_id, "research", {}))

    assert isinstance(handed, Delegated)
    assert (handed.status, handed.message) == ("REJECTED", "no time")
    told = await ask(clients, GetDelegation(handed.delegation_id))
    assert told == DelegationStatus(handed.delegation_id, "REJECTED", None, "no time")


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        (b'{"n": 1, "deep": {"list": [1.5, null, "x"]}}', {"n": 1, "deep": {"list": [1.5, None, "x"]}}),
        (b"{}", {}),
        (b"", None),
        (b"[1]", None),
        (b'"text"', None),
        (b"{not json", None),
        (b"\xff\xfe", None),
        (b'{"n": NaN}', None),
        (b'{"nul": "\\u0000"}', None),
        (b'{"\\u0000": 1}', None),
        (b'{"a":' * 15 + b"{}" + b"}" * 15, nested(15)),
        (b'{"a":' * 17 + b"1" + b"}" * 17, None),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, None),
    ],
)
def test_only_a_json_object_that_can_be_stored_is_a_result(raw: bytes, result: dict[str, Any] | None) -> None:
    record = DelegationRecord(id="del_1", status=WireStatus.DELEGATION_STATUS_COMPLETED, result_payload=raw)

    answer = delegations.GET.parse(GetDelegationResponse(delegation=record).SerializeToString())

    assert answer == DelegationStatus("del_1", "COMPLETED", result)


def test_a_delegation_without_a_status_is_on_its_way_but_tells_nothing() -> None:
    record = DelegationRecord(id="del_1")

    handed = delegations.DELEGATE.parse(DelegateResponse(delegation=record).SerializeToString())

    assert handed == Delegated("del_1", "PENDING")
    with pytest.raises(Garbled):
        delegations.GET.parse(GetDelegationResponse(delegation=record).SerializeToString())


def test_text_that_cannot_be_stored_is_no_answer() -> None:
    record = DelegationRecord(id="del_1", status=DELEGATION_STATUS_REJECTED, error_message="no\0")

    with pytest.raises(Garbled, match="stored"):
        delegations.GET.parse(GetDelegationResponse(delegation=record).SerializeToString())


async def test_metered_work_costs_what_the_meter_says(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    objective_id = await created(clients, held_objective())
    await siblings.finish_objective(objective_id, Work(cost_usd=0.034, metered=True))
    siblings.record_usage(objective_id, 0.021, "use_1")
    siblings.record_usage(objective_id, 0.021, "use_1")
    siblings.record_usage("obj_other", 5.0)

    answer = await ask(clients, QueryUsage(objective_id))

    assert answer == UsageReported(objective_id, Decimal("0.055"), 2)
    sent = QueryUsageRequest.FromString(siblings.calls[-1].request)
    assert (sent.metadata_key, sent.metadata_value) == ("objective_id", objective_id)


def usage(*costs: float) -> Fault | UsageReported:
    request = QueryUsageRequest(metadata_value="obj_1").SerializeToString()
    records = [UsageRecord(id=f"use_{number}", total_cost_usd=cost) for number, cost in enumerate(costs)]
    return meter.usage(request).parse(QueryUsageResponse(records=records).SerializeToString())


@pytest.mark.parametrize(
    ("costs", "total"),
    [
        ((), "0"),
        ((0.1, 0.2), "0.3"),
        ((0.034,) * 100, "3.4"),
        ((1e-9, 1e6), "1000000.000000001"),
        ((0.0,), "0"),
    ],
)
def test_the_sum_is_exact(costs: tuple[float, ...], total: str) -> None:
    assert usage(*costs) == UsageReported("obj_1", Decimal(total), len(costs))


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), float("-inf"), -0.01])
def test_what_is_not_a_cost_is_no_answer(cost: float) -> None:
    with pytest.raises(Garbled):
        usage(0.5, cost)


def test_a_record_without_an_id_cannot_be_counted_once() -> None:
    request = QueryUsageRequest(metadata_value="obj_1").SerializeToString()
    with pytest.raises(Garbled):
        meter.usage(request).parse(QueryUsageResponse(records=[UsageRecord(total_cost_usd=1)]).SerializeToString())


def test_odd_evidence_does_not_hold_up_an_approval() -> None:
    evidence = AutoApproveEvidence(pattern="p", confidence=float("nan"), observation_count=3)
    reply = RequestApprovalResponse(approval_request=ApprovalRequest(id="apr_1"), auto_approve_evidence=evidence)

    answer = approvals.REQUEST.parse(reply.SerializeToString())

    plain = {"pattern": "p", "confidence": None, "observation_count": 3, "threshold_applied": 0.0}
    assert answer == ApprovalRequested("apr_1", auto_approved=True, evidence=plain)
