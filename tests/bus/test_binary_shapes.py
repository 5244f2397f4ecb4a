"""The siblings' envelope and events.v1.CloudEvent, told apart by nothing but their bytes."""

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import Struct
from hypothesis import example, given
from hypothesis import strategies as st

from service.bus.incoming import parse
from tests.bus.producers import NOON, Fact, by_the_runtime, part, proto

_ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40).filter(
    str.strip
)
_tenants = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40).filter(
    str.strip
)
_subjects = st.just("") | _ids


def _scored() -> Struct:
    data = Struct()
    data.update({"score": 92})
    return data


@given(id=_ids, tenant=_tenants, subject=_subjects)
@example(id="1", tenant="123456789", subject="1abcdefgh")
@example(id="1", tenant="ws_acme", subject="\n" * 10)
def test_a_cloud_event_is_never_taken_for_the_envelope(id: str, tenant: str, subject: str) -> None:
    event = parse("bus", *proto(Fact(_scored(), id, "t", "s", subject, tenant, {"causechain": "wf_1,wf_2"})))
    assert (event.id, event.tenant, event.subject, event.time) == (id, tenant, subject or "bus", NOON)
    assert event.payload == {"score": 92}
    assert event.chain == ("wf_1", "wf_2")


@given(tenant=_tenants)
@example(tenant="123456789")
def test_nor_when_it_has_neither_time_nor_subject_nor_data(tenant: str) -> None:
    body = b"".join(part(number, text.encode()) for number, text in ((1, "1.0"), (2, "i"), (3, "t"), (4, "s")))
    assert parse("bus", {}, body + part(8, tenant.encode())).tenant == tenant


@given(id=_ids, tenant=_tenants)
def test_the_envelope_is_never_taken_for_a_cloud_event(id: str, tenant: str) -> None:
    event = parse("bus", *by_the_runtime(Fact(_scored(), id, "t", "s", tenant=tenant)))
    assert (event.id, event.tenant, event.subject, event.time) == (id, tenant, "bus", NOON)
    assert event.payload == {"score": 92}


def test_an_envelope_may_be_without_data_or_with_data_we_do_not_know() -> None:
    fact = Fact(_scored())
    unknown = AnyMessage(type_url="type.googleapis.com/crm.v1.Lead", value=b"\x0a\x01x").SerializeToString()
    assert parse("bus", *by_the_runtime(fact, b"")).payload is None
    assert parse("bus", *by_the_runtime(fact, unknown)).payload is None


def test_a_first_byte_that_is_a_line_break_makes_no_json() -> None:
    for sent in (by_the_runtime(Fact(_scored())), proto(Fact(_scored()))):
        assert sent.body.startswith(b"\n\x03")
        assert parse("bus", *sent).id == "tap-1"


def test_fields_that_are_not_known_are_ignored() -> None:
    for sent in (by_the_runtime(Fact(_scored())), proto(Fact(_scored()))):
        assert parse("bus", {}, sent.body + part(15, b"more")).id == "tap-1"
