"""Request bytes are a pure function of the call: they are stored once and must never depend on who made them."""

from types import MappingProxyType

import pytest
from agents.v1.agents_pb2 import DelegateRequest

from service import config
from service.domain.calls import (
    SIBLINGS,
    CreateObjective,
    Delegate,
    EvaluateAction,
    PrepareObjective,
    RequestApproval,
    SendNotification,
    SiblingCall,
)
from service.siblings import SiblingClients
from service.siblings.table import METHODS
from tests.siblings.asking import RUN, WORKSPACE


def encode(call: SiblingCall) -> bytes:
    return SiblingClients({}).encode(call, WORKSPACE, RUN)


def test_the_order_of_keys_does_not_matter() -> None:
    one = RequestApproval("a", "u", "t", "", {"x": 1, "y": {"b": 1, "a": 2}}, {"k": 1, "l": 2})
    other = RequestApproval("a", "u", "t", "", MappingProxyType({"y": {"a": 2, "b": 1}, "x": 1}), {"l": 2, "k": 1})

    assert encode(one) == encode(other)


@pytest.mark.parametrize(
    "call",
    [
        RequestApproval("a", "u", "t", "RISK_LEVEL_ABSURD", {}, {}),
        SendNotification("u", "DELIVERY_CHANNEL_PIGEON", "", "", "s", "b", "", {}),
        EvaluateAction("a", "t", {}, {"record_count": "many"}),
        EvaluateAction("a", "t", {}, {"record_count": 1e300}),
        EvaluateAction("a", "t", {"when": object()}, {}),
        CreateObjective("a", "\ud800", "", ""),
    ],
)
def test_what_the_message_cannot_hold_is_a_value_error(call: SiblingCall) -> None:
    with pytest.raises(ValueError, match=type(call).__name__):
        encode(call)


def test_a_composite_look_up_is_stored_as_sorted_json() -> None:
    stored = encode(PrepareObjective("", "research", "skill_a", "outreach"))

    assert stored == b'{"agent_id":"","capability":"research","prompt_name":"outreach","skill_id":"skill_a"}'


def test_every_sibling_has_a_setting_for_its_address() -> None:
    told = {f"{name.upper()}_ADDRESS": f"{name}:1" for name in SIBLINGS}
    read = config.Config.read({"DATABASE_URL": "d", "NATS_URL": "n", **told})
    assert read.siblings == {name: f"{name}:1" for name in SIBLINGS}


def test_every_method_belongs_to_a_sibling() -> None:
    assert {method.sibling for method in METHODS.values()} <= set(SIBLINGS)
    assert {method.path.split(".")[0].strip("/") for method in METHODS.values()} <= set(SIBLINGS)


@pytest.mark.parametrize(("asked", "sent"), [("agent_a", "agent_a"), ("", "workflows")])
def test_the_service_delegates_where_the_run_has_no_agent(asked: str, sent: str) -> None:
    call = Delegate(asked, "agent_b", "research", "obj_1", "research", {})
    request = SiblingClients({}, "workflows").encode(call, WORKSPACE, RUN)
    assert DelegateRequest.FromString(request).from_agent_id == sent
