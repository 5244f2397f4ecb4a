"""What the tap sees, in every shape and both schemas: one event, in reach of filters."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp
from tap.v1.event_pb2 import TapEventData

from service.bus import tap
from service.bus.foreign import AnyTimeTap
from service.bus.incoming import parse
from service.bus.poison import Poison
from service.domain.bus_event import Tap
from service.domain.expressions import compile_program
from service.domain.places import EVENT_NAMES
from tests.bus.producers import CREATED, NOON, SHAPES, Fact, by_the_tap, by_the_tap_as, contact, in_older_schema, part

PAYLOAD = {
    "provider": "hubspot",
    "entity_type": "contact",
    "entity_id": "501",
    "action": "created",
    "changes": {"stage": {"from": None, "to": "qualified"}},
    "snapshot": {"email": "ann@acme.test", "lifecycle_stage": "lead", "employees": 40},
    "provider_event_id": "hs-9",
    "provider_timestamp": "2026-11-03T12:00:00.250Z",
    "tenant_id": "ws_acme",
    "request_id": "req-1",
}
TYPE = "type.googleapis.com/tap.v1.TapEventData"


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_the_same_event(shape: str) -> None:
    event = parse(CREATED, *SHAPES[shape](Fact(contact())))
    assert event.payload == PAYLOAD
    assert event.tap == Tap("hubspot", "contact", "501", "created", "hs-9")
    assert (event.id, event.type, event.source) == ("tap-1", CREATED, "tap/hubspot/ws_acme")
    assert (event.tenant, event.time, event.about) == ("ws_acme", NOON, None)
    assert event.subject == (CREATED if shape in ("A", "C") else "contact/501")


@pytest.mark.parametrize("expression", ["snapshot.lifecycle_stage == 'lead'", "changes.stage.to == 'qualified'"])
@pytest.mark.parametrize("shape", SHAPES)
def test_filters_can_look_into_it(shape: str, expression: str) -> None:
    event = parse(CREATED, *SHAPES[shape](Fact(contact())))
    assert compile_program(expression, EVENT_NAMES, open_names=True).holds(event.payload or {})


@pytest.mark.parametrize("at", ["2026-11-03T13:00:00.25+01:00", "1970-01-01T00:00:00Z", "1999-12-31T23:59:50Z"])
def test_the_older_schema_has_the_time_as_text(at: str) -> None:
    older = TapEventData(provider="hubspot", tenant_id="ws_acme").SerializeToString() + part(8, at.encode())
    event = parse(CREATED, *by_the_tap_as(Fact(contact()), older))
    stamp = Timestamp()
    stamp.FromJsonString(at)
    assert event.payload
    assert event.payload["provider_timestamp"] == stamp.ToJsonString()


@pytest.mark.parametrize("at", [-62_135_596_800, -1, 0, 48, 57, 1_790_000_000, 253_402_300_799])
def test_a_timestamp_is_never_taken_for_text(at: int) -> None:
    event = contact()
    event.provider_timestamp.CopyFrom(Timestamp(seconds=at, nanos=1))
    assert tap.read(event.SerializeToString())["provider_timestamp"] == event.provider_timestamp.ToJsonString()


def test_the_older_schema_packed() -> None:
    data = AnyMessage(type_url=TYPE, value=in_older_schema(contact())).SerializeToString()
    headers, _ = SHAPES["E as bytes"](Fact(contact()))
    assert parse(CREATED, headers, data).payload == PAYLOAD


def test_the_reader_without_a_schema_for_the_time_has_all_other_fields() -> None:
    fields = TapEventData.DESCRIPTOR.fields
    assert [(field.name, field.number) for field in AnyTimeTap.DESCRIPTOR.fields] == [
        (field.name, field.number) for field in fields
    ]


def test_a_tap_that_names_no_tenant_belongs_to_the_envelopes() -> None:
    nobodys = Fact(contact(tenant_id=""))
    assert parse(CREATED, *SHAPES["E"](nobodys)).tenant == "ws_acme"


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"F"}))
def test_a_tap_of_another_tenant_is_poison(shape: str) -> None:
    assert _reason(*SHAPES[shape](Fact(contact(), tenant="ws_other"))) == "tenant_mismatch"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff", "bad_data"),
        (part(8, b"\xff\xff"), "bad_data"),
        (part(8, b"2026-11-03 12:00"), "bad_provider_timestamp"),
        (part(8, b"2026-11-03T12:00:00.1e999Z"), "bad_provider_timestamp"),
        (part(8, b"2\xff"), "bad_data"),
        (part(8, Timestamp(seconds=10**12).SerializeToString()), "bad_data"),
        (b"", "missing_tenant"),
        (contact(entity_id="x" * 513).SerializeToString(), "long_entity_id"),
        (contact(action="a\0b").SerializeToString(), "nul_character"),
    ],
)
def test_what_cannot_be_read_is_poison(data: bytes, reason: str) -> None:
    fact = Fact(contact())
    assert _reason(*by_the_tap_as(fact, data)) == reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"provider_timestamp": 5}, "bad_provider_timestamp"),
        ({"provider_timestamp": "noon"}, "bad_provider_timestamp"),
        ({"changes": []}, "bad_changes"),
        ({"snapshot": "lead"}, "bad_snapshot"),
        ({"entity_type": 5}, "bad_entity_type"),
    ],
)
def test_protojson_that_cannot_be_read_is_poison(said: dict[str, Any], reason: str) -> None:
    headers, _ = SHAPES["E"](Fact(contact()))
    assert _reason(headers, json.dumps({"@type": TYPE, **PAYLOAD, **said}).encode()) == reason


@pytest.mark.parametrize("data", [5, "a", "*", "AA=A", b64encode(b"\0").decode()])
def test_bad_base64_is_poison(data: Any) -> None:
    event = json.loads(by_the_tap(Fact(contact())).body) | {"data_base64": data}
    assert _reason({}, json.dumps(event).encode()) in ("bad_data", "bad_data_base64")


def test_white_space_may_come_first() -> None:
    fact = replace(Fact(contact()), id="tap-2")
    assert parse(CREATED, {}, b"\n \t\r\n" + by_the_tap(fact).body).id == "tap-2"


def _reason(headers: dict[str, str], body: bytes) -> str:
    with pytest.raises(Poison) as poison:
        parse(CREATED, headers, body)
    return poison.value.reason
