"""Looking at versions before and after they are published, from outside, and what that means for runs."""

from grpc import StatusCode
from workflows.ops.v1 import definitions_pb2 as ops
from workflows.ops.v1.definitions_pb2_grpc import DefinitionServiceStub
from workflows.v1 import workflows_pb2 as pb

from tests.edge.edge import refused
from tests.journey.acting import report, states
from tests.journey.controlling import fork
from tests.journey.graphs import chain, edge, graph, task
from tests.world import World


def definitions(world: World) -> DefinitionServiceStub:
    return DefinitionServiceStub(world.channel)


async def test_a_draft_is_validated_and_then_published(shared: World) -> None:
    definition = await shared.definition()
    draft = graph([task("a"), task("b")], edge("a>b", "a.output.ok = true"), definition_id=definition.id)
    told = await definitions(shared).ValidateVersion(ops.ValidateVersionRequest(draft=draft))
    assert not told.valid
    (found,) = told.findings
    assert (found.path, found.reason, found.offset) == ("edges[0].condition_expr", "expression_syntax", 12)
    assert found.suggestion == "did you mean 'a.output.ok == true'?"
    draft.edges[0].condition_expr = "a.output.ok == true"
    assert (await definitions(shared).ValidateVersion(ops.ValidateVersionRequest(draft=draft))).valid
    assert not (await shared.stub.ListVersions(pb.ListVersionsRequest(definition_id=definition.id))).versions
    assert (await shared.stub.PublishVersion(draft)).version.version == 1


async def test_of_a_definition_that_is_not_there(shared: World) -> None:
    draft = chain(task("a"), definition_id="wf_nobody")
    error = await refused(definitions(shared).ValidateVersion(ops.ValidateVersionRequest(draft=draft)))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "definition_not_found")
    error = await refused(definitions(shared).DiffVersions(ops.DiffVersionsRequest(definition_id="wf_nobody")))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "definition_not_found")


async def test_what_a_difference_says_of_runs_is_what_a_fork_meets(shared: World) -> None:
    first = await shared.publish(chain(task("a"), task("b"), task("c")))
    definition = first.definition
    going = await shared.start(definition.id)
    ended = await shared.start(definition.id)
    await shared.stub.CancelRun(pb.CancelRunRequest(id=ended.id))
    for step_id in ("a", "b"):
        await report(shared, going.id, step_id, "COMPLETED")
    draft = chain(task("a"), task("z"), task("c"))
    ahead = await definitions(shared).DiffVersions(ops.DiffVersionsRequest(definition_id=definition.id, draft=draft))
    await shared.publish(draft, definition)
    found = await definitions(shared).DiffVersions(
        ops.DiffVersionsRequest(definition_id=definition.id, from_version=1, to_version=2)
    )
    assert found.to_version == 2
    found.to_version = 0
    assert found == ahead
    assert [(step.step_id, step.kind) for step in found.steps] == [("b", 2), ("z", 1)]
    assert [(each.version, each.runs, list(each.steps_gone)) for each in found.open_runs] == [(1, 1, ["b"])]
    assert found.trigger_moves
    assert (await shared.run(going.id)).definition_version == 1
    forked = states(await fork(shared, going.id, "c", version=2))
    assert (forked["a"], forked["z"]) == ("COMPLETED", "WAITING")
