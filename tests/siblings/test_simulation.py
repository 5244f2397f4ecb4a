"""The simulated siblings themselves: what they tell on the bus, and how they follow their script."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import nats
import pytest
from entities.v1.entities_pb2 import ResolveRequest
from entities.v1.entities_pb2_grpc import EntityServiceStub
from identity.v1.identity_pb2 import IntrospectRequest, IntrospectResponse
from identity.v1.identity_pb2_grpc import TokenServiceStub
from nats.aio.client import Client
from nats.aio.msg import Msg

from service.dev.hearing import hear
from service.dev.nats import EmbeddedNats
from service.dev.siblings import (
    Entity,
    Fault,
    Prompt,
    RegisteredAgent,
    Ruling,
    Script,
    SimulatedSiblings,
    Skill,
    Token,
    Work,
    parse_script,
    read_script,
)
from service.domain.answers import ApprovalRequested, Delegated, DelegationStatus, ObjectiveCreated
from service.domain.calls import CancelObjective, Delegate, GetDelegation, RequestApproval
from service.siblings import SiblingClients
from tests.siblings.asking import OBJECTIVE, WORKSPACE, ask, held_objective


@pytest.fixture
async def bus(nats_server: EmbeddedNats) -> AsyncIterator[Client]:
    client = await nats.connect(nats_server.url)
    yield client
    await client.close()


class Heard:
    """Messages as they come, those of one fact alone."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()

    async def put(self, message: Msg) -> None:
        await self._queue.put(message)

    async def about(self, fact: str) -> tuple[dict[str, str], dict[str, Any]]:
        async with asyncio.timeout(60):
            while True:
                message = await self._queue.get()
                if fact in message.data.decode():
                    return message.headers or {}, json.loads(message.data)


async def listen(bus: Client, subject: str) -> Heard:
    heard = Heard()
    await hear(bus, subject, heard.put)
    return heard


async def test_an_objectives_changes_are_told(bus: Client, clients: SiblingClients) -> None:
    heard = await listen(bus, "objectives.changes.>")
    created = await ask(clients, OBJECTIVE)
    assert isinstance(created, ObjectiveCreated)

    first, beginning = await heard.about(created.objective_id)
    last, ending = await heard.about(created.objective_id)

    assert beginning["operation"] == "create"
    assert beginning["payload"]["state"] == "OBJECTIVE_STATE_RUNNING"
    assert last["ce-specversion"] == "1.0"
    assert (last["ce-type"], last["ce-source"]) == ("objectives.changes.objective.completed", "objectives")
    assert (last["ce-tenantid"], last["content-type"]) == (WORKSPACE, "application/json")
    assert first["ce-id"] != last["ce-id"]
    assert "Nats-Msg-Id" not in last
    assert ending["@type"] == "type.googleapis.com/events.v1.Change"
    assert (ending["aggregate_type"], ending["aggregate_id"]) == ("objective", created.objective_id)
    assert ending["payload"]["state"] == "OBJECTIVE_STATE_COMPLETED"
    assert ending["payload"]["output_payload"] == {"employees": 640}
    assert ending["payload"]["cost_usd"] == 0.034


async def test_what_is_metered_or_in_the_delegation_is_not_told(
    bus: Client, siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    heard = await listen(bus, "objectives.changes.>")
    siblings.script.work["research_company"] = Work({"n": 1}, 0.5, metered=True, result_in_delegation=True)
    created = await ask(clients, OBJECTIVE)
    assert isinstance(created, ObjectiveCreated)

    await heard.about(created.objective_id)
    _, ending = await heard.about(created.objective_id)

    assert ending["payload"]["state"] == "OBJECTIVE_STATE_COMPLETED"
    assert not {"output_payload", "cost_usd"} & ending["payload"].keys()
    [record] = siblings.usage
    assert (record.total_cost_usd, record.metadata["objective_id"]) == (0.5, created.objective_id)


async def test_work_that_was_done_before_it_was_delegated_has_its_result(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    created = await ask(clients, held_objective())
    assert isinstance(created, ObjectiveCreated)
    await siblings.finish_objective(created.objective_id, Work({"n": 1}, result_in_delegation=True))

    handed = await ask(clients, Delegate("agent_a", "agent_b", "", created.objective_id, "research", {}))

    assert isinstance(handed, Delegated)
    told = await ask(clients, GetDelegation(handed.delegation_id))
    assert told == DelegationStatus(handed.delegation_id, "COMPLETED", {"n": 1})


async def test_whose_a_token_is(siblings: SimulatedSiblings) -> None:
    async with grpc.aio.insecure_channel(siblings.addresses["identity"]) as channel:
        identity = TokenServiceStub(channel)
        known = await identity.Introspect(IntrospectRequest(token="secret"))
        unknown = await identity.Introspect(IntrospectRequest(token="guessed"))

    assert (known.active, known.subject, known.organization_id) == (True, "user_ann", WORKSPACE)
    assert list(known.scopes) == ["workflows:read"]
    assert unknown == IntrospectResponse(active=False)


async def test_an_entity_is_found_by_its_record_elsewhere(siblings: SimulatedSiblings) -> None:
    async with grpc.aio.insecure_channel(siblings.addresses["entities"]) as channel:
        entities = EntityServiceStub(channel)
        request = ResolveRequest(workspace_id=WORKSPACE, integration_id="hubspot", record_id="101")
        found = (await entities.Resolve(request)).entity

        assert (found.id, found.workspace_id, found.primary_name) == ("ent_dana", WORKSPACE, "Dana")
        request.record_id = "102"
        with pytest.raises(grpc.aio.AioRpcError, match="no such entity"):
            await entities.Resolve(request)


async def test_a_decision_is_told(bus: Client, siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    heard = await listen(bus, "approvals.events.>")
    requested = await ask(clients, RequestApproval("agent_a", "", "send_outreach", "", {}, {}))
    assert isinstance(requested, ApprovalRequested)

    await siblings.decide_approval(requested.approval_request_id, "APPROVED", "user_1", "go")

    headers, decision = await heard.about(requested.approval_request_id)
    assert headers["ce-type"] == "approvals.events.decision.approved"
    assert decision["@type"] == "type.googleapis.com/approvals.v1.ApprovalDecision"
    assert (decision["decision"], decision["decided_by"]) == ("DECISION_TYPE_APPROVED", "user_1")
    with pytest.raises(ValueError, match="is APPROVED"):
        await siblings.decide_approval(requested.approval_request_id, "DENIED")


async def test_a_scripted_decision_comes_by_itself(
    bus: Client, siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    heard = await listen(bus, "approvals.events.>")
    siblings.script.approvals["send_outreach"] = Ruling("DENIED", reason="no")

    requested = await ask(clients, RequestApproval("agent_a", "", "send_outreach", "", {}, {}))

    assert isinstance(requested, ApprovalRequested)
    _, decision = await heard.about(requested.approval_request_id)
    assert decision["reason"] == "no"
    assert siblings.approvals[requested.approval_request_id].state == "DENIED"


async def test_work_fails_as_often_as_scripted(
    bus: Client, siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    heard = await listen(bus, "objectives.changes.>")
    siblings.script.work["research_company"] = Work(output={"ok": True}, failures=1, error_message="site is down")

    for key, verb in [("first", "failed"), ("second", "completed")]:
        created = await ask(clients, OBJECTIVE, key=key)
        assert isinstance(created, ObjectiveCreated)
        await heard.about(created.objective_id)
        _, change = await heard.about(created.objective_id)
        assert change["operation"] == verb
        assert change["payload"].get("error_message") == ("site is down" if verb == "failed" else None)


async def test_held_work_ends_by_hand_and_cancelled_work_never(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    first = await ask(clients, held_objective(), key="first")
    second = await ask(clients, held_objective(), key="second")
    assert isinstance(first, ObjectiveCreated)
    assert isinstance(second, ObjectiveCreated)
    await ask(clients, CancelObjective(second.objective_id, ""), key="cancel")

    for created in (first, second):
        await siblings.finish_objective(created.objective_id, Work(state="FAILED"))

    ends = [siblings.objectives[created.objective_id].state for created in (first, second)]
    assert ends == [8, 9]


async def test_the_streams_exist(bus: Client, siblings: SimulatedSiblings) -> None:
    stream = bus.jetstream()
    for name in ("objectives_changes", "approvals_events", "approvals_changes", "SIPHON"):
        assert (await stream.stream_info(name)).config.name == name


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    told = {
        "agents": [{"id": "agent_a", "capabilities": ["research"]}],
        "work": {"research": {"output": {"n": 1}, "cost_usd": 0.5}},
        "approvals": {"*": {"decision": "APPROVED"}},
        "skills": {"skill_crm": {"scope": "WORKSPACE", "workspace_id": "ws_acme"}},
        "prompts": {"outreach@stable": {"content": "Write!", "version": 2}},
        "entities": {"ent_dana": {"type": "CONTACT", "records": ["hubspot/101"]}},
        "tokens": {"secret": {"subject": "ann", "organization_id": "ws_acme", "scopes": ["workflows:read"]}},
        "unknown_agents": ["agent_ghost"],
        "faults": [{"method": "objectives.*", "kind": "HANG", "times": 2}],
    }
    path.write_text(json.dumps(told))

    assert read_script(path) == Script(
        agents=(RegisteredAgent("agent_a", ("research",)),),
        work={"research": Work({"n": 1}, 0.5)},
        approvals={"*": Ruling("APPROVED")},
        skills={"skill_crm": Skill("WORKSPACE", "ws_acme")},
        prompts={"outreach@stable": Prompt("Write!", 2)},
        entities={"ent_dana": Entity("CONTACT", records=("hubspot/101",))},
        tokens={"secret": Token("ann", "ws_acme", ("workflows:read",))},
        unknown_agents=("agent_ghost",),
        faults=(Fault("objectives.*", "HANG", 2),),
    )


@pytest.mark.parametrize("told", [{"wrok": {}}, {"work": {"a": {"outptu": 1}}}, {"skills": {"a": {"scpoe": ""}}}])
def test_a_misspelt_script_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wrok|outptu|scpoe"):
        parse_script(told)


def test_agents_skills_and_prompts_exist_unless_they_are_unknown() -> None:
    script = Script(unknown_agents=("a",), unknown_skills=("s",), unknown_prompts=("p",))

    assert (script.agent("a"), script.skill("s"), script.prompt("p", "")) == (None, None, None)
    assert script.agent("b") == RegisteredAgent("b", capabilities=())
    assert (script.skill("t"), script.prompt("q", "stable")) == (Skill(), Prompt())


def test_work_is_found_by_action_type_then_title_then_for_any() -> None:
    by_action, by_title, other = Work(cost_usd=1), Work(cost_usd=2), Work(cost_usd=3)
    script = Script(work={"act": by_action, "Title": by_title, "*": other})

    assert script.work_for("Title", 'x\n[1]\n{"action_type": "act"}\nmarker') == ("act", by_action)
    assert script.work_for("Title", '{"action_type": "unknown"}') == ("Title", by_title)
    assert script.work_for("Else", "{not json") == ("*", other)
    assert Script().work_for("Else", "") == ("*", Work())
