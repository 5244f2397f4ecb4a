"""Every kind of call under every fault: the right fault or answer, and after a repeat one effect under one key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import get_args

import pytest
from objectives.v1.objectives_pb2 import OBJECTIVE_STATE_CANCELLED

from service.dev.siblings import Fault as Scripted
from service.dev.siblings import SimulatedSiblings
from service.domain.answers import (
    ActionEvaluated,
    ApprovalRequested,
    ApprovalStatus,
    Delegated,
    DelegationStatus,
    Fault,
    FaultKind,
    NotificationSent,
    ObjectiveCancelled,
    ObjectiveCreated,
    ObjectivePrepared,
    ObjectiveStatus,
    UsageReported,
)
from service.domain.calls import (
    CancelObjective,
    EvaluateAction,
    GetApproval,
    GetDelegation,
    GetObjective,
    PrepareObjective,
    QueryUsage,
    SendNotification,
    SiblingCall,
)
from service.siblings import SiblingClients
from tests.siblings.asking import APPROVAL, DELEGATION, ask, errand, held_objective, in_short_time
from tests.world import PATIENCE_SECONDS

KEY = "wfr_1/the effect"


@dataclass(frozen=True)
class Kind:
    """A kind of call: how to make one, which method it is at the sibling, what it answers, what it leaves there."""

    method: str
    call: Callable[[SiblingClients], Awaitable[SiblingCall]]
    answer: type[object]
    made: Callable[[SimulatedSiblings], int] | None = None


def just(call: SiblingCall) -> Callable[[SiblingClients], Awaitable[SiblingCall]]:
    async def made(clients: SiblingClients) -> SiblingCall:
        return call

    return made


async def objective(clients: SiblingClients) -> str:
    answer = await ask(clients, held_objective("wfr_1/other/1"), key="wfr_1/another effect")
    assert isinstance(answer, ObjectiveCreated)
    return answer.objective_id


async def get_objective(clients: SiblingClients) -> SiblingCall:
    return GetObjective(await objective(clients))


async def cancel_objective(clients: SiblingClients) -> SiblingCall:
    return CancelObjective(await objective(clients), "timed out")


async def get_delegation(clients: SiblingClients) -> SiblingCall:
    answer = await ask(clients, DELEGATION, key="wfr_1/another effect")
    assert isinstance(answer, Delegated)
    return GetDelegation(answer.delegation_id)


async def get_approval(clients: SiblingClients) -> SiblingCall:
    answer = await ask(clients, APPROVAL, key="wfr_1/another effect")
    assert isinstance(answer, ApprovalRequested)
    return GetApproval(answer.approval_request_id)


NOTIFICATION = SendNotification("user_1", "", "", "", "Outreach", "sent", "", {})

KINDS = {
    "PrepareObjective": Kind(
        "agents.Get", just(PrepareObjective("agent_idle", "", "skill_ours", "outreach")), ObjectivePrepared
    ),
    "CreateObjective": Kind(
        "objectives.Create", just(held_objective()), ObjectiveCreated, lambda seen: len(seen.objectives)
    ),
    "GetObjective": Kind("objectives.Get", get_objective, ObjectiveStatus),
    "CancelObjective": Kind(
        "objectives.Cancel",
        cancel_objective,
        ObjectiveCancelled,
        lambda seen: sum(each.state == OBJECTIVE_STATE_CANCELLED for each in seen.objectives.values()),
    ),
    "QueryUsage": Kind("meter.QueryUsage", just(QueryUsage("obj_1")), UsageReported),
    "Delegate": Kind("agents.Delegate", just(DELEGATION), Delegated, lambda seen: len(seen.delegations)),
    "GetDelegation": Kind("agents.GetDelegation", get_delegation, DelegationStatus),
    "RequestApproval": Kind(
        "approvals.RequestApproval", just(APPROVAL), ApprovalRequested, lambda seen: len(seen.approvals)
    ),
    "GetApproval": Kind("approvals.GetApproval", get_approval, ApprovalStatus),
    "EvaluateAction": Kind(
        "governance.EvaluateAction", just(EvaluateAction("agent_a", "send_outreach", {}, {})), ActionEvaluated
    ),
    "SendNotification": Kind(
        "notifications.Send", just(NOTIFICATION), NotificationSent, lambda seen: len(seen.notifications)
    ),
}


@dataclass(frozen=True)
class Trouble:
    """What befalls the first call, and the reason with which it comes back."""

    fault: Callable[[str], Scripted]
    reason: str
    effect: bool
    in_vain: bool = False
    """Only the deadline ends the call."""


TROUBLES = {
    "error before": Trouble(lambda method: Scripted(method, "UNAVAILABLE"), "unavailable", False),
    "error after": Trouble(lambda method: Scripted(method, "INTERNAL", after_effect=True), "internal", True),
    "hang": Trouble(lambda method: Scripted(method, "HANG"), "deadline_exceeded", False, True),
    "garbage": Trouble(lambda method: Scripted(method, "GARBAGE", after_effect=True), "garbled_reply", True),
    "empty": Trouble(lambda method: Scripted(method, "EMPTY", after_effect=True), "garbled_reply", True),
    "too slow": Trouble(lambda method: Scripted(method, "SLOW", delay_seconds=60), "deadline_exceeded", True, True),
}

EMPTY_IS_AN_ANSWER = ("QueryUsage", "empty")  # no records


def test_no_kind_of_call_is_left_out() -> None:
    assert set(KINDS) == {call.__name__ for call in get_args(SiblingCall)}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_and_then_a_repeat(
    siblings: SimulatedSiblings, clients: SiblingClients, kind: str, trouble: str
) -> None:
    tested, befalls = KINDS[kind], TROUBLES[trouble]
    owed = errand(clients, await tested.call(clients), KEY)
    siblings.add_fault(befalls.fault(tested.method))

    def met(_: object) -> bool:
        return any(call.method == tested.method for call in siblings.calls)

    if befalls.in_vain:
        first = await in_short_time(lambda seconds: clients.perform(owed, seconds), met)
    else:
        first = await clients.perform(owed, PATIENCE_SECONDS)
    left = tested.made(siblings) if tested.made else None
    again = await clients.perform(replace(owed, repeated=True), PATIENCE_SECONDS)

    if (kind, trouble) == EMPTY_IS_AN_ANSWER:
        assert first == UsageReported("obj_1", Decimal(0), 0)
    else:
        assert isinstance(first, Fault)
        assert (first.kind, first.reason) == (FaultKind.TRANSPORT, befalls.reason)
    assert isinstance(again, tested.answer)
    if tested.made:
        assert (left, tested.made(siblings)) == (int(befalls.effect), 1)
        assert {call.idempotency_key for call in siblings.calls if call.method == tested.method} == {KEY}


@pytest.mark.parametrize("kind", KINDS)
async def test_slow_is_not_wrong(siblings: SimulatedSiblings, clients: SiblingClients, kind: str) -> None:
    tested = KINDS[kind]
    owed = errand(clients, await tested.call(clients), KEY)
    siblings.add_fault(Scripted(tested.method, "SLOW", delay_seconds=0.05))

    answer = await clients.perform(owed, PATIENCE_SECONDS)

    assert isinstance(answer, tested.answer)
    assert "SLOW" in [call.outcome for call in siblings.calls]
