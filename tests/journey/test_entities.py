"""What a run is about: its entity is looked up when it starts, and recorded as its owner has it or as it was given."""

from typing import Any

import pytest
from grpc import StatusCode
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Entity, Fault, Script
from tests.edge.edge import refused
from tests.journey.acting import begin
from tests.journey.graphs import chain, task
from tests.world import World, world

DANA = Entity("CONTACT", "Dana")
THEIRS = Entity("COMPANY", "Initech", workspace_id="ws_other")
ANYTHING = chain(task("look"))

RECORDED: dict[str, tuple[dict[str, Any], str]] = {
    "known": ({"entity_id": "ent_dana"}, "ENTITY_TYPE_CONTACT"),
    "known with its type": ({"entity_id": "ent_dana", "entity_type": "contact"}, "contact"),
    "unknown": ({"entity_id": "ent_nobody"}, ""),
    "unknown with a type": ({"entity_id": "ent_nobody", "entity_type": "ENTITY_TYPE_DEAL"}, "ENTITY_TYPE_DEAL"),
    "another workspace's": ({"entity_id": "ent_theirs"}, ""),
    "none": ({}, ""),
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"entity_id": "ent_nobody"}, "unknown_entity"),
    "another workspace's": ({"entity_id": "ent_theirs"}, "unknown_entity"),
    "another type": ({"entity_id": "ent_dana", "entity_type": "ENTITY_TYPE_DEAL"}, "entity_type_mismatch"),
}


@pytest.mark.parametrize(("fields", "entity_type"), RECORDED.values(), ids=RECORDED)
async def test_what_a_run_is_about_is_recorded(shared: World, fields: dict[str, Any], entity_type: str) -> None:
    shared.siblings.script.entities.update(ent_dana=DANA, ent_theirs=THEIRS)
    run = await begin(shared, ANYTHING, **fields)
    seen = await shared.run(run.id)
    assert (seen.entity_id, seen.entity_type) == (fields.get("entity_id", ""), entity_type)


async def test_runs_are_found_by_what_they_are_about(shared: World) -> None:
    run = await begin(shared, ANYTHING, entity_id="ent_once")
    listed = await shared.stub.ListRuns(pb.ListRunsRequest(entity_id="ent_once"))
    assert [each.id for each in listed.runs] == [run.id]


async def test_an_owner_that_does_not_answer_keeps_nobody_from_starting(shared: World) -> None:
    shared.siblings.add_fault(Fault("entities.GetCanonical", "UNAVAILABLE"))
    assert (await begin(shared, ANYTHING, entity_id="ent_dana")).entity_id == "ent_dana"


async def test_where_entities_are_required_a_run_about_nobody_does_not_start(
    database: str, own_nats: EmbeddedNats, script: Script
) -> None:
    script.entities.update(ent_dana=DANA, ent_theirs=THEIRS)
    async with world(database, own_nats.url, script, {"ENTITIES_REQUIRED": "yes"}) as strict:
        definition = (await strict.publish(ANYTHING)).definition
        for fields, reason in REFUSED.values():
            error = await refused(strict.start(definition.id, **fields))
            assert (error.code, error.reason) == (StatusCode.FAILED_PRECONDITION, reason)
        strict.siblings.add_fault(Fault("entities.GetCanonical", "UNAVAILABLE"))
        error = await refused(strict.start(definition.id, entity_id="ent_dana"))
        assert (error.code, error.reason) == (StatusCode.UNAVAILABLE, "entities_unavailable")
        assert (await strict.stub.ListRuns(pb.ListRunsRequest(definition_id=definition.id))).total == 0
        known = await strict.start(definition.id, entity_id="ent_dana")
        assert known.entity_type == "ENTITY_TYPE_CONTACT"
