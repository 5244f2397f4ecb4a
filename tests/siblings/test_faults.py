"""What a sibling does wrong comes back as a fault of the right kind, and in time."""

import asyncio

import grpc
import pytest

from service.dev.siblings import Fault as Scripted
from service.dev.siblings import SimulatedSiblings
from service.domain.answers import Fault, FaultKind, ObjectiveCreated
from service.domain.calls import SIBLINGS, GetApproval, PrepareObjective
from service.siblings import SiblingClients
from service.siblings.breaker import BreakerState
from service.siblings.faults import KINDS, from_status
from tests.siblings.asking import OBJECTIVE, ask, errand, held_objective
from tests.tunnel import tunnel
from tests.world import PATIENCE_SECONDS

CODES = {
    FaultKind.TRANSPORT: [
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "ABORTED",
        "CANCELLED",
        "UNKNOWN",
        "INTERNAL",
        "DATA_LOSS",
    ],
    FaultKind.REJECTED: ["INVALID_ARGUMENT", "UNIMPLEMENTED"],
    FaultKind.FAILED: [
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
    ],
}


def test_every_status_has_a_kind() -> None:
    assert set(KINDS) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for kind, codes in CODES.items() for code in codes])
async def test_status_mapping(siblings: SimulatedSiblings, clients: SiblingClients, code: str, kind: FaultKind) -> None:
    siblings.add_fault(Scripted("objectives.Create", code))

    assert await ask(clients, OBJECTIVE) == Fault(kind, code.lower(), f"scripted {code}")
    assert not siblings.objectives


def test_the_message_has_no_nul() -> None:
    assert from_status(grpc.StatusCode.NOT_FOUND, "no\0body").message == "nobody"


def test_the_message_is_cut() -> None:
    assert len(from_status(grpc.StatusCode.NOT_FOUND, "x" * 10_000).message) == 500


@pytest.mark.parametrize("kind", ["EMPTY", "GARBAGE"])
async def test_an_unreadable_reply_is_no_answer(
    siblings: SimulatedSiblings, clients: SiblingClients, kind: str
) -> None:
    siblings.add_fault(Scripted("*", kind))

    answer = await ask(clients, OBJECTIVE)

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "garbled_reply")


async def test_a_hanging_sibling_costs_no_more_than_the_deadline(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    siblings.add_fault(Scripted("objectives.*", "HANG"))

    async with asyncio.timeout(60):
        answer = await ask(clients, OBJECTIVE, timeout_seconds=0.1)

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "deadline_exceeded")


async def test_running_out_of_time_before_asking_is_not_held_against_the_sibling(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    for _ in range(6):
        answer = await ask(clients, OBJECTIVE, timeout_seconds=0)
        assert isinstance(answer, Fault)
        assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "deadline_exceeded")

    assert isinstance(await ask(clients, OBJECTIVE), ObjectiveCreated)
    assert len(siblings.calls) == 1


async def test_a_cancelled_caller_stays_cancelled(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.add_fault(Scripted("objectives.*", "HANG"))
    asking = asyncio.create_task(ask(clients, OBJECTIVE, timeout_seconds=60))
    await siblings.until(lambda: bool(siblings.calls))

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_closing_under_a_call_is_a_transport_fault(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.add_fault(Scripted("objectives.*", "HANG"))
    asking = asyncio.create_task(ask(clients, OBJECTIVE, timeout_seconds=60))
    await siblings.until(lambda: bool(siblings.calls))

    await clients.close()

    answer = await asking
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "cancelled")


async def test_a_sibling_that_vanished_without_a_word_is_found_again(siblings: SimulatedSiblings) -> None:
    """Another one in its place, which answers, is asked by the next probe."""
    async with tunnel(int(siblings.addresses["objectives"].rpartition(":")[2])) as way_there:
        now = 0.0
        clients = SiblingClients({"objectives": f"127.0.0.1:{way_there.port}"}, clock=lambda: now)
        assert isinstance(await ask(clients, OBJECTIVE), ObjectiveCreated)
        way_there.silence()
        while clients.configured["objectives"].breaker.state is BreakerState.CLOSED:
            assert isinstance(await ask(clients, OBJECTIVE, timeout_seconds=0.05), Fault)
        now += 10.0
        assert isinstance(await ask(clients, OBJECTIVE, timeout_seconds=30), ObjectiveCreated)
        await clients.close()


async def test_leaving_a_silent_connection_cuts_no_call_that_may_be_answered(siblings: SimulatedSiblings) -> None:
    siblings.add_fault(Scripted("objectives.*", "HANG", times=50))
    clients = SiblingClients({"objectives": siblings.addresses["objectives"]})
    asking = asyncio.create_task(ask(clients, OBJECTIVE, timeout_seconds=60))
    await siblings.until(lambda: bool(siblings.calls))
    while clients.configured["objectives"].breaker.state is BreakerState.CLOSED:
        assert isinstance(await ask(clients, OBJECTIVE, timeout_seconds=0.05), Fault)
    assert not asking.done()
    async with asyncio.timeout(60):
        await clients.close()
        answer = await asking
    assert isinstance(answer, Fault)
    assert answer.reason == "cancelled"


async def test_nobody_listens() -> None:
    clients = SiblingClients({"objectives": "127.0.0.1:1"})

    answer = await ask(clients, OBJECTIVE)
    await clients.close()

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "unavailable")


async def test_an_unconfigured_sibling_fails_at_once() -> None:
    clients = SiblingClients({"objectives": "127.0.0.1:1", "approvals": "", "weather": "127.0.0.1:1"})

    assert clients.missing == tuple(name for name in SIBLINGS if name != "objectives")
    expected = Fault(FaultKind.FAILED, "not_configured", "no address is configured for approvals")
    assert await ask(clients, GetApproval("apr_1")) == expected


async def test_without_configuration_nobody_finds_agents() -> None:
    clients = SiblingClients({})

    assert clients.missing == SIBLINGS
    answer = await ask(clients, PrepareObjective("", "research", "", ""))
    assert answer == Fault(FaultKind.FAILED, "not_configured", "no address is configured for registry")


@pytest.mark.parametrize("fault", ["UNAVAILABLE", "GARBAGE", "EMPTY"])
async def test_the_same_bytes_and_key_after_an_unknown_outcome_find_the_first_effect(
    siblings: SimulatedSiblings, clients: SiblingClients, fault: str
) -> None:
    siblings.add_fault(Scripted("objectives.Create", fault, after_effect=True))
    creation = errand(clients, held_objective())

    first = await clients.perform(creation, PATIENCE_SECONDS)
    second = await clients.perform(creation, PATIENCE_SECONDS)

    assert isinstance(first, Fault)
    assert isinstance(second, ObjectiveCreated)
    assert list(siblings.objectives) == [second.objective_id]
    assert [(call.request, call.idempotency_key) for call in siblings.calls] == [(creation.request, "key")] * 2
    assert [call.outcome for call in siblings.calls] == [fault, "REPEATED"]


async def test_the_breaker_opens_for_one_sibling_alone(siblings: SimulatedSiblings) -> None:
    now = 0.0
    clients = SiblingClients(siblings.addresses, clock=lambda: now)
    siblings.add_fault(Scripted("objectives.*", "UNAVAILABLE", times=5))
    for _ in range(5):
        await ask(clients, OBJECTIVE)

    refused = await ask(clients, OBJECTIVE)
    found = await ask(clients, PrepareObjective("", "research", "", ""))
    now = 60.0
    probe = await ask(clients, OBJECTIVE)
    await clients.close()

    assert isinstance(refused, Fault)
    assert (refused.kind, refused.reason) == (FaultKind.TRANSPORT, "breaker_open")
    assert not isinstance(found, Fault)
    assert isinstance(probe, ObjectiveCreated)
    assert sum(call.method == "objectives.Create" for call in siblings.calls) == 6
