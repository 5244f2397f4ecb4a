"""Every bad request: its status, the field it blames, the reason it gives, and that nothing was stored."""

from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from workflows.v1 import workflows_pb2 as pb

from service.edge.wire import framing
from tests.edge.edge import Edge, refused

LONG = "x" * 129
EVENT, WEBHOOK, SCHEDULE = pb.TRIGGER_TYPE_EVENT, pb.TRIGGER_TYPE_WEBHOOK, pb.TRIGGER_TYPE_SCHEDULE
NAN, INF = float("nan"), float("inf")


def payload(**fields: Any) -> Struct:
    made = Struct()
    made.update(fields)
    return made


def nested(levels: int) -> Struct:
    """A Struct of exactly so many levels."""
    made = Struct()
    for _ in range(levels - 1):
        outer = Struct()
        outer.fields["a"].struct_value.CopyFrom(made)
        made = outer
    return made


def lists(levels: int) -> Struct:
    made = Struct()
    inner: Value = made.fields["a"]
    for _ in range(levels):
        inner = inner.list_value.values.add()
    return made


class Bad(NamedTuple):
    rpc: str
    request: Message
    field: str
    reason: str


def create(field: str, reason: str, **changes: Any) -> Bad:
    request = pb.CreateDefinitionRequest(**{"workspace_id": "acme", "name": "Outbound", **changes})
    return Bad("CreateDefinition", request, field, reason)


def start(field: str, reason: str, **changes: Any) -> Bad:
    return Bad("StartRun", pb.StartRunRequest(**{"definition_id": "wf_1", **changes}), field, reason)


def report(field: str, reason: str, **changes: Any) -> Bad:
    fields = {"run_id": "wfr_1", "step_id": "one", "state": pb.STEP_RUN_STATE_COMPLETED, **changes}
    return Bad("TransitionStep", pb.TransitionStepRequest(**fields), field, reason)


def publish(field: str, reason: str, **changes: Any) -> Bad:
    task = pb.StepDefinition(id="one", step_type=pb.STEP_TYPE_HUMAN_TASK)
    return Bad(
        "PublishVersion",
        pb.PublishVersionRequest(**{"definition_id": "wf_1", "steps": [task], **changes}),
        field,
        reason,
    )


def handle(field: str, reason: str, **changes: Any) -> Bad:
    fields = {"workspace_id": "acme", "trigger_type": EVENT, "trigger_event_id": "e1", "event_type": "a.b", **changes}
    return Bad("HandleTrigger", pb.HandleTriggerRequest(**fields), field, reason)


def step(**changes: Any) -> pb.StepDefinition:
    return pb.StepDefinition(**{"id": "one", "step_type": pb.STEP_TYPE_HUMAN_TASK, **changes})


TABLE = [
    create("workspace_id", "required", workspace_id=""),
    create("workspace_id", "required", workspace_id=" \t"),
    create("workspace_id", "too_long", workspace_id=LONG),
    create("workspace_id", "control_character", workspace_id="a\x7fb"),
    create("name", "required", name=""),
    create("name", "required", name="  "),
    create("name", "too_long", name="n" * 201),
    create("name", "nul_character", name="a\0b"),
    create("description", "nul_character", description="\0"),
    create("description", "too_long", description="d" * 10_001),
    create("tags", "too_many", tags=["t"] * 65),
    create("tags[1]", "too_long", tags=["fine", "t" * 65]),
    create("tags[0]", "blank", tags=[""]),
    create("tags", "nul_character", tags=["a", "b\0"]),
    Bad("GetDefinition", pb.GetDefinitionRequest(), "id", "required"),
    Bad("GetDefinition", pb.GetDefinitionRequest(id=LONG), "id", "too_long"),
    Bad("GetDefinition", pb.GetDefinitionRequest(id="a\0"), "id", "nul_character"),
    Bad("GetRun", pb.GetRunRequest(id=" "), "id", "required"),
    Bad("ListVersions", pb.ListVersionsRequest(), "definition_id", "required"),
    Bad("ListDefinitions", pb.ListDefinitionsRequest(limit=-1), "limit", "negative"),
    Bad("ListDefinitions", pb.ListDefinitionsRequest(offset=-1), "offset", "negative"),
    Bad("ListDefinitions", pb.ListDefinitionsRequest(tag="t" * 65), "tag", "too_long"),
    Bad("ListDefinitions", pb.ListDefinitionsRequest(tag=" "), "tag", "blank"),
    Bad("ListRuns", pb.ListRunsRequest(limit=-5), "limit", "negative"),
    Bad("ListRuns", pb.ListRunsRequest(offset=-5), "offset", "negative"),
    Bad("ListRuns", pb.ListRunsRequest(state=99), "state", "unknown_enum_value"),  # type: ignore[arg-type]
    Bad("ListRuns", pb.ListRunsRequest(entity_id=LONG), "entity_id", "too_long"),
    Bad("ListRuns", pb.ListRunsRequest(workspace_id="a\0"), "workspace_id", "nul_character"),
    handle("workspace_id", "required", workspace_id=""),
    handle("trigger_type", "trigger_type_not_handled", trigger_type=pb.TRIGGER_TYPE_UNSPECIFIED),
    handle("trigger_type", "trigger_type_not_handled", trigger_type=pb.TRIGGER_TYPE_MANUAL),
    handle("trigger_type", "trigger_type_not_handled", trigger_type=pb.TRIGGER_TYPE_WORKFLOW),
    handle("trigger_type", "unknown_enum_value", trigger_type=42),
    handle("trigger_event_id", "required", trigger_event_id=""),
    handle("trigger_event_id", "required", trigger_event_id="", trigger_type=WEBHOOK),
    handle("trigger_event_id", "too_long", trigger_event_id=LONG),
    handle("event_type", "required", event_type=""),
    handle("event_type", "too_long", event_type="x" * 257),
    handle("event_subject", "too_long", event_subject="x" * 257),
    handle("event_subject", "nul_character", event_subject="\0"),
    handle("tap_provider", "too_long", tap_provider=LONG, trigger_type=WEBHOOK),
    handle("cron_expr", "bad_cron", cron_expr="every day", trigger_type=SCHEDULE),
    handle("initiator_agent_id", "blank", initiator_agent_id=" "),
    handle("input_payload.x", "not_finite", input_payload=payload(x=NAN)),
    start("definition_id", "required", definition_id=""),
    start("definition_version", "negative", definition_version=-1),
    start("entity_id", "too_long", entity_id=LONG),
    start("parent_run_id", "blank", parent_run_id=" "),
    start("initiator_user_id", "nul_character", initiator_user_id="\0"),
    start("trigger_type", "unknown_enum_value", trigger_type=42),
    start("trigger_event_id", "required", trigger_type=pb.TRIGGER_TYPE_EVENT),
    start("trigger_event_id", "required", trigger_type=pb.TRIGGER_TYPE_WEBHOOK),
    start("input_payload.deal.value", "not_finite", input_payload=payload(deal={"value": NAN})),
    start("input_payload.x", "not_finite", input_payload=payload(x=-INF)),
    start("input_payload.list[1].text", "nul_character", input_payload=payload(list=[1, {"text": "\0"}])),
    start("input_payload.\0key", "nul_character", input_payload=payload(**{"\0key": 1})),
    start("input_payload" + ".a" * 16, "payload_too_deep", input_payload=nested(17)),
    start("input_payload.a" + "[0]" * 15, "payload_too_deep", input_payload=lists(16)),
    start("input_payload", "payload_too_large", input_payload=payload(x="y" * 256 * 1024)),
    report("run_id", "required", run_id=""),
    report("step_id", "required", step_id=""),
    report("step_id", "too_long", step_id=LONG),
    report("objective_id", "too_long", objective_id=LONG),
    report("state", "state_not_reportable", state=pb.STEP_RUN_STATE_UNSPECIFIED),
    report("state", "state_not_reportable", state=pb.STEP_RUN_STATE_PENDING),
    report("state", "unknown_enum_value", state=77),
    report("cost_usd", "not_finite", cost_usd=NAN),
    report("cost_usd", "not_finite", cost_usd=INF),
    report("cost_usd", "negative", cost_usd=-0.01),
    report("cost_usd", "out_of_range", cost_usd=1e300),
    report("error_message", "nul_character", error_message="a\0"),
    report("output_payload.x", "not_finite", output_payload=payload(x=INF)),
    publish("definition_id", "required", definition_id=""),
    publish("steps", "no_steps", steps=[]),
    publish("steps", "too_many_steps", steps=[step(id=f"s{i}") for i in range(501)]),
    publish("edges", "too_many_edges", edges=[pb.Edge(from_step_id="a", to_step_id="b")] * 2001),
    publish("steps[0].step_type", "required", steps=[pb.StepDefinition(id="one")]),
    publish("steps[0].step_type", "unknown_enum_value", steps=[step(step_type=50)]),
    publish("steps[0].name", "nul_character", steps=[step(name="\0")]),
    publish("steps[0].config.title", "not_finite", steps=[step(config=payload(title=NAN))]),
    publish("edges[0].label", "nul_character", edges=[pb.Edge(from_step_id="one", to_step_id="one", label="\0")]),
    publish("trigger.trigger_type", "required", trigger=pb.WorkflowTrigger(cron_expr="* * * * *")),
    publish("trigger.trigger_type", "unknown_enum_value", trigger=pb.WorkflowTrigger(trigger_type=9)),  # type: ignore[arg-type]
    publish("trigger.filter_expr", "nul_character", trigger=pb.WorkflowTrigger(filter_expr="\0")),
    publish("author", "nul_character", author="\0"),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.rpc}-{bad.field[:40]!r}-{bad.reason}")
async def test_bad_request_is_refused_and_stores_nothing(edge: Edge, bad: Bad) -> None:
    error = await refused(getattr(edge.stub, bad.rpc)(bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.committed


async def test_all_violations_are_told_at_once(edge: Edge) -> None:
    request = pb.StartRunRequest(definition_version=-1, entity_id=LONG, trigger_type=pb.TRIGGER_TYPE_EVENT)
    request.input_payload.update({"x": NAN})
    error = await refused(edge.stub.StartRun(request))
    assert set(error.fields) == {
        "definition_id",
        "definition_version",
        "entity_id",
        "trigger_event_id",
        "input_payload.x",
    }
    assert error.reason == "required"
    assert error.message == "definition_id: is required (and 4 more)"


@pytest.mark.parametrize("kind", [pb.TRIGGER_TYPE_UNSPECIFIED, pb.TRIGGER_TYPE_MANUAL, 42])
async def test_of_a_trigger_that_is_not_handled_only_its_type_is_wrong(edge: Edge, kind: Any) -> None:
    request = pb.HandleTriggerRequest(workspace_id="acme", trigger_type=kind)
    assert set((await refused(edge.stub.HandleTrigger(request))).fields) == {"trigger_type"}


async def test_the_limits_themselves_are_fine(edge: Edge) -> None:
    request = pb.StartRunRequest(definition_id="i" * 128, input_payload=nested(16))
    await edge.stub.StartRun(request)
    await edge.stub.StartRun(pb.StartRunRequest(definition_id="d", input_payload=lists(15)))
    await edge.stub.CreateDefinition(
        pb.CreateDefinitionRequest(workspace_id="acme", name="n" * 200, tags=["t" * 64] * 64)
    )
    assert len(edge.committed) == 3


def too_deep_to_decode() -> bytes:
    struct = b""
    for _ in range(40):
        value = framing.field(5, struct)
        struct = framing.field(1, framing.field(1, b"a") + framing.field(2, value))
    return framing.field(9, struct)


@pytest.mark.parametrize(
    ("rpc", "raw"),
    [
        pytest.param("StartRun", b"\xff\xff\xff\xff", id="garbage"),
        pytest.param("GetRun", b"\x0a\x7fshort", id="cut off"),
        pytest.param("CreateDefinition", framing.field(2, b"\xff\xfe"), id="bad UTF-8"),
        pytest.param("StartRun", too_deep_to_decode(), id="a Struct that cannot be decoded"),
    ],
)
async def test_bytes_that_do_not_parse(edge: Edge, rpc: str, raw: bytes) -> None:
    call: Any = edge.channel.unary_unary(f"/workflows.v1.WorkflowService/{rpc}")
    error = await refused(call(raw))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "malformed_request")
    assert "Decode" not in error.text
    assert not edge.committed


async def test_bytes_that_do_not_parse_for_health(edge: Edge) -> None:
    call: Any = edge.channel.unary_unary("/grpc.health.v1.Health/Check")
    error = await refused(call(b"\xff"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "malformed_request")


async def test_a_message_over_a_mebibyte(edge: Edge) -> None:
    request = pb.CreateDefinitionRequest(workspace_id="acme", name="n", description="d" * 1024 * 1024)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await edge.stub.CreateDefinition(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not edge.committed


async def test_strange_text_goes_round_untouched(edge: Edge) -> None:
    name = 'O\'Brien "x" -- \N{GRINNING FACE} \N{ARABIC LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE} ;\\'
    answer = await edge.stub.CreateDefinition(pb.CreateDefinitionRequest(workspace_id="acme", name=name))
    assert answer.definition.name == name


@pytest.mark.parametrize("key", ["", "k" * 129, " "])
async def test_an_unusable_idempotency_key(edge: Edge, key: str) -> None:
    request = pb.StartRunRequest(definition_id="wf_1")
    error = await refused(edge.stub.StartRun(request, metadata=(("idempotency-key", key),)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "bad_idempotency_key")
    assert not edge.committed


async def test_two_idempotency_keys_are_none(edge: Edge) -> None:
    """Somebody on the way has added one, and nobody knows which of them the caller will come back with."""
    keys = (("idempotency-key", "k1"), ("idempotency-key", "k2"))
    error = await refused(edge.stub.StartRun(pb.StartRunRequest(definition_id="wf_1"), metadata=keys))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "bad_idempotency_key")
    await edge.stub.StartRun(pb.StartRunRequest(definition_id="wf_1"), metadata=(*keys[:1], *keys[:1]))
