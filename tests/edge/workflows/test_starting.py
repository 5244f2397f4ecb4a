"""What StartRun asks of others before the run begins: its entity's owner, and the run it is a child of."""

from dataclasses import replace
from typing import Any, cast

import pytest

from service.domain.answers import Fault, FaultKind
from service.domain.commands import Envelope, StartRun
from service.domain.decision import Accepted
from service.domain.definition import Definition, TriggerType
from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Idem
from service.domain.ids import Ids
from service.domain.start_keys import StartKey
from service.domain.start_requests import StartRequest
from service.domain.state import Run
from service.domain.subject import CanonicalEntity
from service.edge.workflows.run_calls import EngineRuns
from service.engine.mailbox import Reply
from service.engine.subjects import SECONDS, Subjects
from tests.edge import fakes

CONTACT = CanonicalEntity("ent_1", "ENTITY_TYPE_CONTACT", "Ann")
DOWN = Fault(FaultKind.TRANSPORT, "unavailable", "no answer")
UNSET = Fault(FaultKind.FAILED, "not_configured", "entities is not configured")
REQUEST = StartRequest("wf_1", 0, "", TriggerType.MANUAL, "", "", "", "", "ent_1", "", {})


class FakeDirectory:
    def __init__(self, found: CanonicalEntity | Fault | None) -> None:
        self._found = found
        self.asked: list[tuple[str, str, float]] = []

    async def canonical(
        self, entity_id: str, workspace_id: str, timeout_seconds: float, trace: str
    ) -> CanonicalEntity | Fault | None:
        self.asked.append((entity_id, workspace_id, timeout_seconds))
        return self._found

    async def resolve(self, *record: Any) -> CanonicalEntity | Fault | None:
        raise AssertionError("who calls StartRun names no record")


class FakeEngine:
    """Stands in for `Advance`, `Plans` and `Reads`; notes what was to be started."""

    def __init__(self, *parents: Run) -> None:
        self._parents = {(parent.id, parent.workspace_id): parent for parent in parents}
        self.started: list[tuple[StartKey, StartRun]] = []

    async def start(self, key: StartKey, plan: object, envelope: Envelope) -> Reply:
        assert isinstance(envelope.command, StartRun)
        self.started.append((key, envelope.command))
        return Reply(fakes.run(), Accepted(1))

    async def begun_before(self, key: StartKey, refusal: Refusal) -> Reply:
        raise refusal

    async def to_start(self, definition: Definition, number: int) -> object:
        return (definition.id, number)

    async def run(self, run_id: str, visible: str | None) -> Run | None:
        return self._parents.get((run_id, visible or ""))


async def start(
    request: StartRequest,
    *parents: Run,
    directory: FakeDirectory | None = None,
    required: bool = False,
    idem: Idem | None = None,
) -> tuple[StartKey, StartRun]:
    engine: Any = FakeEngine(*parents)
    lookup = Subjects(directory or FakeDirectory(UNSET), required=required)
    runs = EngineRuns(engine, engine, fakes.FakeDefinitions(), lookup, engine, Ids(lambda: "7"))
    await runs.start(request, None, "user:ann", idem)
    return cast(FakeEngine, engine).started[0]


async def entity(said: str, found: CanonicalEntity | Fault | None, *, required: bool) -> tuple[str, str]:
    """The entity that the run begins with."""
    directory = FakeDirectory(found)
    _, command = await start(replace(REQUEST, entity_type=said), directory=directory, required=required)
    assert directory.asked == [("ent_1", "acme", SECONDS)]
    return command.entity_id, command.entity_type


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("said", "recorded"),
    [("", "ENTITY_TYPE_CONTACT"), ("ENTITY_TYPE_CONTACT", "ENTITY_TYPE_CONTACT"), ("contact", "contact")],
)
async def test_a_known_entity(said: str, recorded: str, required: bool) -> None:
    assert await entity(said, CONTACT, required=required) == ("ent_1", recorded)


@pytest.mark.parametrize("required", [False, True])
async def test_an_entity_whose_owner_knows_no_type(required: bool) -> None:
    assert await entity("lead", replace(CONTACT, entity_type=""), required=required) == ("ent_1", "lead")


@pytest.mark.parametrize("found", [None, DOWN, UNSET, CONTACT])
async def test_where_entities_are_not_required_the_caller_s_word_stands(found: CanonicalEntity | Fault | None) -> None:
    assert await entity("ENTITY_TYPE_DEAL", found, required=False) == ("ent_1", "ENTITY_TYPE_DEAL")


@pytest.mark.parametrize(
    ("found", "kind", "reason"),
    [
        pytest.param(None, Kind.CONFLICT, "unknown_entity", id="unknown"),
        pytest.param(DOWN, Kind.UNAVAILABLE, "entities_unavailable", id="down"),
        pytest.param(UNSET, Kind.UNAVAILABLE, "entities_unavailable", id="not configured"),
        pytest.param(CONTACT, Kind.CONFLICT, "entity_type_mismatch", id="another type"),
    ],
)
async def test_where_entities_are_required(found: CanonicalEntity | Fault | None, kind: Kind, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        await entity("ENTITY_TYPE_DEAL", found, required=True)
    assert (caught.value.kind, caught.value.reason) == (kind, reason)


async def test_a_run_about_nothing_asks_nobody() -> None:
    directory = FakeDirectory(DOWN)
    await start(replace(REQUEST, entity_id=""), directory=directory, required=True)
    assert not directory.asked


async def test_what_the_owner_says_does_not_change_what_a_repetition_is_compared_with() -> None:
    event = replace(REQUEST, trigger_type=TriggerType.EVENT, trigger_event_id="evt_1")
    (first, _), (again, _) = [await start(event, directory=FakeDirectory(found)) for found in (CONTACT, DOWN)]
    assert first == again


async def test_a_run_without_a_parent_begins_a_line() -> None:
    _, command = await start(REQUEST)
    assert (command.parent_run_id, command.depth, command.chain) == ("", 1, ())


async def test_a_child_continues_its_parent_s_line() -> None:
    parent = fakes.run(id="wfr_5", definition_id="wf_5", depth=2, chain=("wf_4",))
    _, command = await start(replace(REQUEST, parent_run_id="wfr_5"), parent)
    assert (command.parent_run_id, command.depth, command.chain) == ("wfr_5", 3, ("wf_4", "wf_5"))


@pytest.mark.parametrize("workspace_id", ["other", None])
async def test_a_parent_that_is_foreign_or_not_there(workspace_id: str | None) -> None:
    parents = [fakes.run(id="wfr_5", workspace_id=workspace_id)] if workspace_id else []
    with pytest.raises(Refusal) as caught:
        await start(replace(REQUEST, parent_run_id="wfr_5"), *parents)
    assert (caught.value.kind, caught.value.reason) == (Kind.NOT_FOUND, "run_not_found")
