"""Whom a run is about: found, unknown, somebody else's, or not to be asked."""

import pytest
from entities.v1.entities_pb2 import GetCanonicalRequest, ResolveRequest

from service.dev.siblings import Entity, SimulatedSiblings
from service.dev.siblings import Fault as Scripted
from service.domain.answers import Fault, FaultKind
from service.domain.subject import CanonicalEntity
from service.siblings import SiblingClients
from tests.siblings.asking import WORKSPACE
from tests.world import PATIENCE_SECONDS


async def test_an_entity_of_this_workspace(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    found = await clients.entities.canonical("ent_dana", WORKSPACE, PATIENCE_SECONDS)

    assert found == CanonicalEntity("ent_dana", "ENTITY_TYPE_CONTACT", "Dana")
    [call] = siblings.calls
    assert (call.method, call.workspace_id) == ("entities.GetCanonical", WORKSPACE)
    assert GetCanonicalRequest.FromString(call.request).id == "ent_dana"


@pytest.mark.parametrize("entity_id", ["ent_ghost", "ent_elsewhere"])
async def test_nobody_of_that_id(clients: SiblingClients, entity_id: str) -> None:
    assert await clients.entities.canonical(entity_id, WORKSPACE, PATIENCE_SECONDS) is None


async def test_the_entity_behind_a_record(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    found = await clients.entities.resolve("hubspot", "101", WORKSPACE, PATIENCE_SECONDS)

    assert found == CanonicalEntity("ent_dana", "ENTITY_TYPE_CONTACT", "Dana")
    [call] = siblings.calls
    asked = ResolveRequest.FromString(call.request)
    assert (call.method, call.workspace_id) == ("entities.Resolve", WORKSPACE)
    assert (asked.workspace_id, asked.integration_id, asked.record_id) == (WORKSPACE, "hubspot", "101")


async def test_nobody_is_behind_a_record(clients: SiblingClients) -> None:
    assert await clients.entities.resolve("salesforce", "101", WORKSPACE, PATIENCE_SECONDS) is None


async def test_everybody_sees_their_own(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.script.entities["ent_deal"] = Entity("DEAL", workspace_id="ws_other")

    assert await clients.entities.canonical("ent_deal", "ws_other", PATIENCE_SECONDS) == CanonicalEntity(
        "ent_deal", "ENTITY_TYPE_DEAL", ""
    )


@pytest.mark.parametrize("method", ["GetCanonical", "Resolve"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("UNAVAILABLE", (FaultKind.TRANSPORT, "unavailable")),
        ("EMPTY", (FaultKind.TRANSPORT, "garbled_reply")),
        ("GARBAGE", (FaultKind.TRANSPORT, "garbled_reply")),
        ("HANG", (FaultKind.TRANSPORT, "deadline_exceeded")),
        ("PERMISSION_DENIED", (FaultKind.FAILED, "permission_denied")),
    ],
)
async def test_no_answer_is_not_nobody(
    siblings: SimulatedSiblings, clients: SiblingClients, method: str, kind: str, expected: tuple[FaultKind, str]
) -> None:
    siblings.add_fault(Scripted(f"entities.{method}", kind))

    seconds = 0.2 if kind == "HANG" else PATIENCE_SECONDS
    if method == "Resolve":
        answer = await clients.entities.resolve("hubspot", "101", WORKSPACE, seconds)
    else:
        answer = await clients.entities.canonical("ent_dana", WORKSPACE, seconds)

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == expected


async def test_without_an_address() -> None:
    answer = await SiblingClients({}).entities.canonical("ent_dana", WORKSPACE, PATIENCE_SECONDS)

    assert answer == Fault(FaultKind.FAILED, "not_configured", "no address is configured for entities")
