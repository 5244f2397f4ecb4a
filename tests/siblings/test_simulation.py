"""The simulated siblings themselves: what they tell on the bus, and how they follow their script."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from service.dev.nats import EmbeddedNats
from service.dev.siblings import (
    Fault,
    RegisteredAgent,
    Ruling,
    Script,
    SimulatedSiblings,
    Work,
    parse_script,
    read_script,
)
from service.domain.effects import ApprovalRequested, CancelObjective, ObjectiveCreated, RequestApproval
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
        async with asyncio.timeout(10):
            while True:
                message = await self._queue.get()
                if fact in message.data.decode():
                    return message.headers or {}, json.loads(message.data)


async def listen(bus: Client, subject: str) -> Heard:
    heard = Heard()
    await bus.subscribe(subject, cb=heard.put)
    await bus.flush()
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
        "faults": [{"method": "objectives.*", "kind": "HANG", "times": 2}],
    }
    path.write_text(json.dumps(told))

    assert read_script(path) == Script(
        agents=(RegisteredAgent("agent_a", ("research",)),),
        work={"research": Work({"n": 1}, 0.5)},
        approvals={"*": Ruling("APPROVED")},
        faults=(Fault("objectives.*", "HANG", 2),),
    )


@pytest.mark.parametrize("told", [{"wrok": {}}, {"work": {"a": {"outptu": 1}}}])
def test_a_misspelt_script_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wrok|outptu"):
        parse_script(told)


def test_work_is_found_by_action_type_then_title_then_for_any() -> None:
    by_action, by_title, other = Work(cost_usd=1), Work(cost_usd=2), Work(cost_usd=3)
    script = Script(work={"act": by_action, "Title": by_title, "*": other})

    assert script.work_for("Title", 'x\n[1]\n{"action_type": "act"}\nmarker') == ("act", by_action)
    assert script.work_for("Title", '{"action_type": "unknown"}') == ("Title", by_title)
    assert script.work_for("Else", "{not json") == ("*", other)
    assert Script().work_for("Else", "") == ("*", Work())
