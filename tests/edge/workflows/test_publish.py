"""PublishVersion at the edge: everything wrong at once, warnings beside the answer, the loop never blocked."""

import asyncio
import json
from pathlib import Path

from google.protobuf import json_format
from workflows.v1 import workflows_pb2 as pb

from tests.edge.edge import Edge, refused

TESTDATA = Path(__file__).parents[3] / "proto/workflows/v1/testdata"


def pipeline() -> pb.PublishVersionRequest:
    """The fixture's version as the request that publishes it."""
    said = json.loads((TESTDATA / "publish_version_response.json").read_text())
    version = json_format.ParseDict(said, pb.PublishVersionResponse()).version
    return pb.PublishVersionRequest(
        definition_id=version.definition_id,
        steps=version.steps,
        edges=version.edges,
        trigger=version.trigger,
        default_retry_policy=version.default_retry_policy,
        timeout_seconds=version.timeout_seconds,
        author=version.author,
    )


async def test_the_pipeline_comes_back_as_it_went_in(edge: Edge) -> None:
    request = pipeline()
    version = (await edge.stub.PublishVersion(request)).version
    for name in ("steps", "edges", "trigger", "default_retry_policy", "timeout_seconds", "author", "definition_id"):
        assert getattr(version, name) == getattr(request, name)


async def test_faults_of_encoding_and_of_the_graph_are_told_together(edge: Edge) -> None:
    request = pipeline()
    request.steps[0].name = "\0"
    wait = next(i for i, step in enumerate(request.steps) if step.step_type == pb.STEP_TYPE_WAIT_FOR_EVENT)
    request.steps[wait].step_type = pb.STEP_TYPE_UNSPECIFIED
    request.edges[0].to_step_id = "nowhere"
    error = await refused(edge.stub.PublishVersion(request))
    assert error.fields["steps[0].name"] == ["nul_character"]
    assert error.fields["edges[0].to_step_id"] == ["unknown_step"]
    assert [path for path in error.fields if path.startswith(f"steps[{wait}]")] == [f"steps[{wait}].step_type"]
    assert not edge.committed


async def test_a_cycle_is_named(edge: Edge) -> None:
    steps = [pb.StepDefinition(id=name, step_type=pb.STEP_TYPE_HUMAN_TASK) for name in ("root", "a", "b")]
    pairs = (("root", "a"), ("a", "b"), ("b", "a"))
    edges = [pb.Edge(from_step_id=source, to_step_id=target) for source, target in pairs]
    request = pb.PublishVersionRequest(definition_id="wf_1", steps=steps, edges=edges)
    error = await refused(edge.stub.PublishVersion(request))
    assert ["cycle"] in error.fields.values()


async def test_warnings_travel_beside_the_answer(edge: Edge) -> None:
    steps = [
        pb.StepDefinition(id="pick", step_type=pb.STEP_TYPE_BRANCH),
        pb.StepDefinition(id="big", step_type=pb.STEP_TYPE_HUMAN_TASK),
    ]
    edges = [pb.Edge(from_step_id="pick", to_step_id="big", condition_expr="input.amount > 5")]
    call = edge.stub.PublishVersion(pb.PublishVersionRequest(definition_id="wf_1", steps=steps, edges=edges))
    await call
    warnings = json.loads(dict(await call.trailing_metadata())["workflows-warnings"])
    assert {"steps[0]": "branch_without_default"}.items() <= {w["field"]: w["reason"] for w in warnings}.items()
    assert len(edge.committed) == 1


async def test_a_slow_draft_does_not_stop_other_calls(edge: Edge) -> None:
    condition = " && ".join(f"input.f{i} == {i}" for i in range(100))
    steps = [pb.StepDefinition(id=f"s{i}", step_type=pb.STEP_TYPE_HUMAN_TASK) for i in range(60)]
    edges = [
        pb.Edge(from_step_id="s0", to_step_id=f"s{i}", condition_expr=f"{condition} && {i} > 0") for i in range(1, 60)
    ]
    publishing = asyncio.ensure_future(
        edge.stub.PublishVersion(pb.PublishVersionRequest(definition_id="wf_1", steps=steps, edges=edges))
    )
    meanwhile = 0
    while not publishing.done():
        await edge.stub.GetRun(pb.GetRunRequest(id="wfr_1"))
        meanwhile += 1
    await publishing
    assert meanwhile > 5
