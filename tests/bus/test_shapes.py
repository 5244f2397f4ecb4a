"""Every shape on the bus, from recorded bytes to the event the rules see."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import Struct, Value

from service.bus.incoming import parse
from service.bus.poison import Poison
from service.domain.bus_event import ApprovalReport, BusEvent, GovernanceReport, ObjectiveReport, Report, Tap
from tests.bus.recorded import RECORDED, Recorded

EVENTS = [record for record in RECORDED if "poison" not in record.expect]
POISON = [record for record in RECORDED if "poison" in record.expect]


def _expected(record: Recorded) -> BusEvent:
    expect = dict(record.expect)
    time, about, tap = (expect.pop(name, None) for name in ("time", "about", "tap"))
    return BusEvent(
        bus_subject=record.subject,
        time=datetime.fromisoformat(time) if time else None,
        about=_report(about) if about else None,
        tap=Tap(**tap) if tap else None,
        chain=tuple(expect.pop("chain", ())),
        **expect,
    )


def _report(about: dict[str, Any]) -> Report:
    if "objective_id" in about:
        cost = about.pop("cost_usd", None)
        return ObjectiveReport(**about, cost_usd=None if cost is None else Decimal(cost))
    return GovernanceReport(**about) if "run_id" in about else ApprovalReport(**about)


@pytest.mark.parametrize("record", EVENTS, ids=lambda record: record.name)
def test_recorded_messages_become_events(record: Recorded) -> None:
    event = parse(record.subject, record.headers, record.body)
    assert asdict(event) == asdict(_expected(record))


@pytest.mark.parametrize("record", POISON, ids=lambda record: record.name)
def test_recorded_poison_has_its_reason(record: Recorded) -> None:
    with pytest.raises(Poison) as poison:
        parse(record.subject, record.headers, record.body)
    assert poison.value.reason == record.expect["poison"]


def test_every_recorded_shape_is_there() -> None:
    assert {record.name[0] for record in EVENTS} == set("abcdef")


E_HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-type": "t",
    "ce-source": "s",
    "ce-tenantid": "ws",
    "content-type": "application/json",
}
NOT_A_NUMBER = Struct(fields={"a": Value(number_value=float("nan"))}).SerializeToString()
OBJECTIVE = b'{"@type":"x/objectives.v1.Objective","id":"obj","state":"OBJECTIVE_STATE_COMPLETED"%s}'

EVALUATION = b'{"@type":"x/events.v1.Change","aggregate_type":"governance_evaluation","payload":{%s}}'


def _struct(value: bytes) -> bytes:
    return AnyMessage(type_url="x/google.protobuf.Struct", value=value).SerializeToString()


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({}, b"{nope", "bad_json"),
        ({}, b'{"a": NaN}', "bad_json"),
        ({}, b'{"a": -Infinity}', "bad_json"),
        ({}, b'{"a": "\xff"}', "bad_json"),
        ({}, b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "bad_json"),
        ({}, b'{"a": ' + b"9" * 5_000 + b"}", "bad_json"),
        ({}, b'{"a": 1e99999999999999999999}', "bad_json"),
        ({}, b'{"a": 1e999}', "huge_number"),
        ({}, b'{"a": ' + b"9" * 400 + b"}", "huge_number"),
        ({}, b'{"a": "\\ud800"}', "lone_surrogate"),
        ({}, b'{"\\udfff": 1}', "lone_surrogate"),
        ({}, b'{"a": ["\\u0000"]}', "nul_character"),
        ({}, b'{"a": ' + b"[" * 16 + b"]" * 16 + b"}", "too_deep"),
        ({}, b"[1]", "not_an_object"),
        ({}, b" " * (1024 * 1024 + 1), "too_large"),
        ({"content-type": "application/protobuf"}, b"\xff\xff", "bad_data"),
        ({"content-type": "application/protobuf"}, _struct(b"\xff"), "bad_data"),
        ({"content-type": "application/protobuf"}, _struct(NOT_A_NUMBER), "bad_data"),
        ({"ce-tenantid": ""}, b"{}", "missing_tenant"),
        ({"ce-tenantid": " "}, b"{}", "missing_tenant"),
        ({"ce-tenantid": "ws%1B%5B2J"}, b"{}", "bad_tenant"),
        ({}, b'{"@type":"x/events.v1.Change","organization_id":"other"}', "tenant_mismatch"),
        ({}, b'{"@type":"x/events.v1.Change","organization_id":5}', "bad_organization_id"),
        ({}, b'{"@type":"x/events.v1.Change","payload":[]}', "bad_payload"),
        ({}, b'{"@type":5}', "bad_type_url"),
        ({"ce-id": "%00"}, b"{}", "nul_character"),
        ({"ce-id": "%ff"}, b"{}", "bad_header"),
        ({"ce-id": " "}, b"{}", "missing_id"),
        ({"ce-id": "x" * 513}, b"{}", "long_id"),
        ({"ce-time": "yesterday"}, b"{}", "bad_time"),
        ({"ce-time": "2026-11-03T12:00:00.1e999Z"}, b"{}", "bad_time"),
        ({"ce-causechain": "x" * 65_537}, b"{}", "long_chain"),
        ({}, OBJECTIVE % b',"cost_usd":-1', "bad_cost_usd"),
        ({}, OBJECTIVE % b',"cost_usd":"NaN"', "bad_cost_usd"),
        ({}, OBJECTIVE % b',"cost_usd":true', "bad_cost_usd"),
        ({}, OBJECTIVE % (b',"cost_usd":0.' + b"1" * 40), "bad_cost_usd"),
        ({}, b'{"@type":"x/objectives.v1.Objective","id":5,"state":7}', "bad_id"),
        ({}, b'{"@type":"x/objectives.v1.Objective","id":"o","state":{}}', "bad_state"),
        ({}, b'{"@type":"x/objectives.v1.Objective","id":"o","state":true}', "bad_state"),
        ({}, EVALUATION % b'"run_id":5', "bad_run_id"),
        ({}, EVALUATION % b'"run_id":"r","decision":[]', "bad_decision"),
    ],
)
def test_poison_has_its_reason(headers: dict[str, str], body: bytes, reason: str) -> None:
    with pytest.raises(Poison) as poison:
        parse("s", E_HEADERS | headers, body)
    assert poison.value.reason == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unknown_shape"),
        (b"\n\x0a\x03", "unknown_shape"),
        (b"hello", "unknown_shape"),
        (b'{"hello": 1}', "unknown_shape"),
        (b'{"specversion":"1.0","type":"t","source":"s","tenant_id":"ws"}', "missing_id"),
        (b'{"specversion":"1.0","id":"i","type":"","source":"s","tenant_id":"ws"}', "missing_type"),
        (b'{"specversion":"1.0","id":"i","type":"t","source":null,"tenant_id":"ws"}', "missing_source"),
        (b'{"specversion":"1.0","id":1,"type":"t","source":"s","tenant_id":"ws"}', "bad_id"),
        (b'{"spec_version":"1.0","id":"i","type":"t","source":"s"}', "missing_tenant"),
        (b'{"specversion":"1.0","id":"i","type":"t","source":"s","tenant_id":"ws","data":[1]}', "bad_data"),
        (b'{"specversion":"1.0","id":"i","type":"t","source":"s","tenant_id":"a","tenantid":"b"}', "tenant_mismatch"),
        (b'{"specversion":"1.0","id":"i","type":"t","source":"s","tenantid":5}', "bad_tenantid"),
        (b'{"specversion":"1.0","id":"i","type":"t","source":"s","tenantid":"a\\nb"}', "bad_tenant"),
        (b'{"spec_version":"1.0","id":"i","type":"t","source":"s","extensions":[]}', "bad_extensions"),
        (b'{"spec_version":"1.0","id":"i","type":"t","source":"s","extensions":{"causechain":5}}', "missing_tenant"),
    ],
)
def test_structured_poison_has_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Poison) as poison:
        parse("s", {}, body)
    assert poison.value.reason == reason


@pytest.mark.parametrize(
    "missing", ["ce-specversion", "ce-id", "ce-type", "ce-source"], ids=lambda name: str(name).removeprefix("ce-")
)
def test_binary_mode_needs_all_four_headers(missing: str) -> None:
    with pytest.raises(Poison, match="unknown_shape"):
        parse("s", E_HEADERS | {missing: ""}, b"{}")


def test_header_names_are_case_sensitive() -> None:
    with pytest.raises(Poison, match="unknown_shape"):
        parse("s", {name.title(): value for name, value in E_HEADERS.items()}, b"{}")


def test_numbers_beyond_a_double_lose_precision_and_exact_ones_do_not() -> None:
    event = parse("s", E_HEADERS, b'{"exact": 9007199254740992, "rounded": 9007199254740993, "one": 1}')
    assert event.payload == {"exact": 2**53, "rounded": float(2**53), "one": 1}
    assert type(event.payload["one"]) is int


@pytest.mark.parametrize(("state", "name"), [(b"99", "UNSPECIFIED"), (b'"OBJECTIVE_STATE_PAUSED"', "PAUSED")])
def test_a_state_we_do_not_know_is_progress(state: bytes, name: str) -> None:
    event = parse("s", E_HEADERS, b'{"@type":"x/objectives.v1.Objective","id":"o","state":%s}' % state)
    assert event.about == ObjectiveReport("o", name)


@pytest.mark.parametrize("kind", ["objective", "approval", "governance_evaluation"])
def test_a_change_without_a_state_is_an_event_like_any_other(kind: str) -> None:
    body = b'{"@type":"x/events.v1.Change","aggregate_type":"%s","aggregate_id":"x","payload":{"id":"x"}}'
    event = parse("s", E_HEADERS, body % kind.encode())
    assert event.about is None
    assert event.payload == {"id": "x"}


# --- traces ------------------------------------------------------------------------------------------------------

PARENT, OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", f"00-{'a' * 32}-{'b' * 16}-00"


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({"ce-traceparent": PARENT}, PARENT),
        ({"traceparent": PARENT, "tracestate": "a=1"}, f"{PARENT} a=1"),
        ({"ce-traceparent": PARENT, "traceparent": OTHER, "tracestate": "a=1"}, PARENT),
        ({"ce-traceparent": PARENT, "ce-tracestate": "a=1%25%20x"}, f"{PARENT} a=1% x"),
        ({"ce-traceparent": PARENT, "ce-tracestate": "a=%ff"}, PARENT),
        ({"ce-traceparent": "%ff", "traceparent": OTHER}, OTHER),
        ({"ce-traceparent": "%ff"}, ""),
        ({"traceparent": "00-0-0-00", "tracestate": "a=1"}, ""),
    ],
)
def test_a_trace_is_the_events_own_or_the_messages(headers: dict[str, str], trace: str) -> None:
    assert parse("s", {**E_HEADERS, **headers}, b"{}").trace == trace


@pytest.mark.parametrize("mark", ["specversion", "spec_version"])
@pytest.mark.parametrize("value", ["7", "null", "{}", '"00-x"', f'["{PARENT}"]'])
def test_a_trace_that_cannot_be_read_is_no_poison(mark: str, value: str) -> None:
    said = f'"traceparent":{value},"tracestate":{value}'
    event = f'{{"{mark}":"1.0","id":"1","source":"s","type":"t","tenant_id":"w",{said},"extensions":{{{said}}}}}'
    assert parse("s", {}, event.encode()).trace == ""
    assert parse("s", {"traceparent": OTHER}, event.encode()).trace == OTHER
