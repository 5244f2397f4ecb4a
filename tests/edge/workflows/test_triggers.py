"""HandleTrigger on the wire: what reaches the application, and what comes back of it."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from workflows.v1 import workflows_pb2 as pb

from service.domain.bus_event import BusEvent, HandedIn, Tap
from service.domain.definition import StepType, TriggerType
from service.domain.idempotency import Idem
from service.domain.start_requests import Triggered, TriggerRequest
from service.domain.state import Run, StepRun
from service.edge.workflows.trigger_calls import EngineTriggers
from tests.edge import fakes
from tests.edge.edge import Edge, serving


def request(**changes: Any) -> pb.HandleTriggerRequest:
    payload = Struct()
    payload.update(changes.pop("payload", {"entity_id": "90211", "provider_event_id": "hs-1"}))
    plain: dict[str, Any] = {
        "workspace_id": "acme",
        "trigger_type": pb.TRIGGER_TYPE_WEBHOOK,
        "trigger_event_id": "evt_1",
        "event_type": "siphon.tap.hubspot.contact.created",
        "event_subject": "contact/90211",
        "tap_provider": "hubspot",
        "tap_entity_type": "contact",
        "tap_action": "created",
        "input_payload": payload,
    }
    return pb.HandleTriggerRequest(**(plain | changes))


async def taken(edge: Edge, **changes: Any) -> TriggerRequest:
    """What the application is asked."""
    await edge.stub.HandleTrigger(request(**changes))
    wanted: TriggerRequest = edge.triggers.committed[-1][0]
    return wanted


async def test_a_webhook_becomes_the_event_that_the_tap_would_have_sent(edge: Edge) -> None:
    who = {"initiator_agent_id": "sdr", "initiator_user_id": "ann", "entity_id": "ent_1", "entity_type": "CONTACT"}
    assert (await taken(edge, **who)).event == BusEvent(
        id="evt_1",
        source="rpc",
        type="siphon.tap.hubspot.contact.created",
        tenant="acme",
        subject="contact/90211",
        payload={"entity_id": "90211", "provider_event_id": "hs-1"},
        tap=Tap("hubspot", "contact", "90211", "created", "hs-1"),
        handed_in=HandedIn(TriggerType.WEBHOOK, "sdr", "ann", "ent_1", "CONTACT"),
    )


async def test_an_event_is_of_no_tap(edge: Edge) -> None:
    event = (await taken(edge, trigger_type=pb.TRIGGER_TYPE_EVENT)).event
    assert (event.tap, event.handed_in) == (None, HandedIn(TriggerType.EVENT))


@pytest.mark.parametrize("ids", [{"entity_id": 5, "provider_event_id": ["hs"]}, {"provider_event_id": "h" * 129}, {}])
async def test_what_is_no_id_in_the_payload_is_none(edge: Edge, ids: dict[str, Any]) -> None:
    assert (await taken(edge, payload=ids)).event.tap == Tap("hubspot", "contact", "", "created", "")


async def test_a_tick_needs_no_event(edge: Edge) -> None:
    wanted = await taken(edge, trigger_type=pb.TRIGGER_TYPE_SCHEDULE, trigger_event_id="", cron_expr="0 9 * * *")
    assert (wanted.cron_expr, wanted.event.id) == ("0 9 * * *", "")


async def test_runs_that_were_started_and_runs_that_were_moved(edge: Edge) -> None:
    answer = await edge.stub.HandleTrigger(request())
    assert [run.id for run in answer.started_runs] == ["wfr_1"]
    assert [run.id for run in answer.updated_runs] == ["wfr_2"]


def run_of(run_id: str, size: int) -> Run:
    return fakes.run(StepRun("a", "A", StepType.HUMAN_TASK, input_payload={"x": "y" * size}), id=run_id)


async def test_runs_for_which_there_is_no_room_are_named() -> None:
    async with serving(max_bytes=5_000) as edge:
        edge.triggers.found = Triggered([run_of("1", 4_000), run_of("2", 4_000)], [run_of("3", 10)] * 40)
        call = edge.stub.HandleTrigger(request())
        answer = await call
        said = dict(await call.trailing_metadata())["workflows-truncated"]
    kept = len(answer.updated_runs)
    assert 0 < kept < 40
    assert [bool(run.steps[0].input_payload.fields) for run in answer.started_runs] == [True, False]
    assert said == f"started_runs[1].steps.a.input_payload,updated_runs[{kept}:40]"


async def test_an_answer_that_is_repeated_says_so(edge: Edge) -> None:
    edge.triggers.replay = True
    call = edge.stub.HandleTrigger(request(), metadata=(("idempotency-key", "k"),))
    await call
    assert ("idempotent-replay", "true") in list(await call.initial_metadata())
    [(_, idem)] = edge.triggers.committed
    assert idem.key == "k"


# --- behind the wire -------------------------------------------------------------------------------------------------


class Taking:
    """Stands in for the intake and for the answers that are kept."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.kept: dict[str, Any] = {}

    async def take(self, event: BusEvent) -> Triggered:
        self.taken.append(event.id)
        return Triggered([fakes.run(sequence=3)], [])

    async def tick(self, event: BusEvent, cron_expr: str) -> Triggered:
        self.taken.append(cron_expr)
        return Triggered([], [])

    async def again(self, started: Any, updated: Any) -> Triggered:
        return Triggered([fakes.run(id=run_id, sequence=sequence) for run_id, sequence in started], updated)

    async def answered(self, workspace_id: str, idem: Idem) -> Any:
        return self.kept.get(idem.key)

    async def answer(self, workspace_id: str, idem: Idem, runs: Any) -> None:
        self.kept[idem.key] = runs


def wanted(kind: TriggerType) -> TriggerRequest:
    return TriggerRequest(BusEvent("e1", "rpc", "a.b", "acme", handed_in=HandedIn(kind)), "0 9 * * *")


async def test_a_key_is_answered_once() -> None:
    taking: Any = Taking()
    triggers, idem = EngineTriggers(taking, taking), Idem("ann", "k", b"1")
    first, again = [await triggers.handle(wanted(TriggerType.EVENT), idem) for _ in range(2)]
    assert (first.replay, again.replay) == (False, True)
    assert first.value.started == again.value.started
    await triggers.handle(wanted(TriggerType.EVENT), None)
    assert taking.taken == ["e1", "e1"]


async def test_a_tick_is_no_event() -> None:
    taking: Any = Taking()
    await EngineTriggers(taking, taking).handle(wanted(TriggerType.SCHEDULE), None)
    assert taking.taken == ["0 9 * * *"]
