"""The catalogue of messages on the bus that are no events, and the reason with which each becomes a dead letter."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

SUBJECT = "siphon.tap.catalogue"
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "evt_1",
    "ce-type": SUBJECT,
    "ce-source": "catalogue",
    "ce-tenantid": "ws_acme",
    "content-type": "application/json",
}


@dataclass(frozen=True)
class Message:
    reason: str
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)

    def __str__(self) -> str:
        return f"{self.reason} {self.body[:12]!r}"


def with_header(**changes: str) -> dict[str, str]:
    return {**HEADERS, **{f"ce-{name}": value for name, value in changes.items()}}


def without_header(name: str) -> dict[str, str]:
    return {key: value for key, value in HEADERS.items() if key != name}


def structured(**changes: object) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "1",
        "type": SUBJECT,
        "source": "catalogue",
        "tenant_id": "ws_acme",
        "data": {},
    }
    return json.dumps({key: value for key, value in {**event, **changes}.items() if value is not None}).encode()


MESSAGES = [
    Message("bad_json", b"{"),
    Message("bad_json", b'{"a": NaN}'),
    Message("bad_json", b'{"a": Infinity}'),
    Message("bad_json", b"\xff\xfe"),
    Message("bad_json", b'{"a": 1} trailing'),
    Message("bad_json", b"[" * 100_000),
    Message("bad_json", b'{"a":' * 100_000),
    Message("too_deep", b'{"a":' * 20 + b"1" + b"}" * 20),
    Message("not_an_object", b"[1, 2]"),
    Message("not_an_object", b'"text"'),
    Message("bad_json", b'{"a": ' + b"9" * 5_000 + b"}"),
    Message("huge_number", b'{"a": ' + b"9" * 4_000 + b"}"),
    Message("huge_number", b'{"a": 1e999}'),
    Message("lone_surrogate", b'{"a": "\\ud800"}'),
    Message("nul_character", b'{"a": "\\u0000"}'),
    Message("nul_character", b'{"\\u0000": 1}'),
    Message("missing_tenant", headers=without_header("ce-tenantid")),
    Message("long_id", headers=with_header(id="x" * 600)),
    Message("long_type", headers=with_header(type="x" * 600)),
    Message("long_source", headers=with_header(source="x" * 600)),
    Message("bad_time", headers=with_header(time="yesterday")),
    Message("missing_id", structured(id=None), {}),
    Message("missing_source", structured(source=None), {}),
    Message("missing_type", structured(type=None), {}),
    Message("missing_tenant", structured(tenant_id=None), {}),
    Message("bad_id", structured(id=5), {}),
    Message("bad_time", structured(time="soon"), {}),
    Message("bad_data", structured(data=5), {}),
    Message("unknown_shape", b"plain text", {}),
    Message("unknown_shape", b"", {}),
    Message("unknown_shape", b"{}", {}),
]
