"""Every kind of bad input that is known, through real gRPC and real NATS: its status and reason, nothing betrayed,
nothing stored. What is sent in one test is sent in one go; all that was answered otherwise is told at the end."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from workflows.ops.v1 import events_pb2 as ops
from workflows.ops.v1.events_pb2_grpc import EventServiceStub

from tests.edge.edge import Refused, refused
from tests.journey.acting import begin
from tests.journey.catalogue.letters import MESSAGES, SUBJECT
from tests.journey.catalogue.rows import ROWS
from tests.journey.catalogue.scene import METHODS, call, request, scene
from tests.journey.graphs import chain, step
from tests.journey.refusals import INSIDES, Stored
from tests.world import World

TEXTS = [
    (method, field.name, ["a\0b"] if field.is_repeated else "a\0b")
    for method, found in METHODS.items()
    for field in found.input_type.fields
    if field.type == FieldDescriptor.TYPE_STRING
]


@pytest.fixture
def stored(shared: World, shared_database: str) -> Stored:
    return Stored(shared, shared_database)


@pytest.fixture(scope="module")
async def names(shared: World) -> Mapping[str, str]:
    return await scene(shared)


def test_the_catalogue_is_whole() -> None:
    print(f"{len(ROWS)} requests, {len(METHODS)} broken ones, {len(TEXTS)} with NUL, {len(MESSAGES)} messages")
    assert len(ROWS) >= 100
    assert {row.method for row in ROWS} == set(METHODS), "every RPC has something that can be wrong"


async def test_bad_requests(shared: World, stored: Stored, names: Mapping[str, str]) -> None:
    wrong: list[Any] = []
    async with stored.unchanged():
        for row in ROWS:
            seen = await sent(shared, row.method, request(row.method, row.request, names).SerializeToString())
            fields = seen.fields.get(row.field, []) if row.field else [row.reason]
            if (seen.code.name, seen.reason) != (row.code, row.reason) or row.reason not in fields:
                wrong.append((str(row), seen))
    assert wrong == []


async def test_bytes_that_are_no_message(shared: World, stored: Stored) -> None:
    async with stored.unchanged():
        seen = {method: await sent(shared, method, b"\xff\xff\xff\xff") for method in METHODS}
    assert {(each.code.name, each.reason) for each in seen.values()} == {("INVALID_ARGUMENT", "malformed_request")}


async def test_no_text_holds_a_nul_character(shared: World, stored: Stored, names: Mapping[str, str]) -> None:
    wrong: list[Any] = []
    async with stored.unchanged():
        for method, field, text in TEXTS:
            seen = await sent(shared, method, request(method, {field: text}, names).SerializeToString())
            if seen.code.name != "INVALID_ARGUMENT" or "nul_character" not in seen.fields.get(field, []):
                wrong.append((method, field, seen))
    assert wrong == []


async def test_no_workspace_holds_a_control_character(shared: World, stored: Stored, names: Mapping[str, str]) -> None:
    methods = [method for method, found in METHODS.items() if "workspace_id" in found.input_type.fields_by_name]
    assert len(methods) > 10
    wrong: list[Any] = []
    async with stored.unchanged():
        for method in methods:
            for workspace_id in ("ws\x1b[2Jacme", "ws\nacme", "ws\u2028acme"):
                seen = await sent(
                    shared, method, request(method, {"workspace_id": workspace_id}, names).SerializeToString()
                )
                if seen.code.name != "INVALID_ARGUMENT" or "control_character" not in seen.fields.get(
                    "workspace_id", []
                ):
                    wrong.append((method, workspace_id, seen))
    assert wrong == []


async def sent(shared: World, method: str, data: bytes) -> Refused:
    """How it was refused. It has a reason and betrays nothing."""
    seen = await refused(call(shared, method, data))
    assert seen.reason
    assert not INSIDES.search(seen.message), seen.message
    return seen


async def test_bad_messages(shared: World) -> None:
    for message in MESSAGES:
        await shared.bus.jetstream().publish(SUBJECT, message.body, headers=dict(message.headers))
    await taken(shared)
    found = await EventServiceStub(shared.channel).ListDeadLetters(ops.ListDeadLettersRequest(limit=500))
    assert Counter(letter.reason for letter in found.letters) == Counter(message.reason for message in MESSAGES)


async def taken(shared: World) -> None:
    """What was published before has been taken in."""
    run = await begin(shared, chain(step("wait", "WAIT_FOR_EVENT", event_type_pattern=f"{SUBJECT}.after")))
    await shared.until_step(run.id, "wait", "WAITING")
    await shared.say(f"{SUBJECT}.after", {})
    await shared.until_step(run.id, "wait", "COMPLETED")
