"""Answers that would not fit into a message lose payloads, largest first, or rows, and say so."""

from dataclasses import replace
from typing import Any

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import StepType, Version
from service.domain.state import Run, StepRun
from service.edge.wire.answers import MAX_ANSWER_BYTES
from tests.edge import fakes
from tests.edge.edge import Edge, serving

GET = pb.GetRunRequest(id="wfr_1")


def big_run(**sizes: int) -> Run:
    steps = (StepRun(name, name, StepType.HUMAN_TASK, output_payload={"x": "y" * size}) for name, size in sizes.items())
    return fakes.run(*steps, input_payload={"lead": "ann"})


async def ask(edge: Edge, call: Any) -> tuple[Any, list[str]]:
    answer = await call
    said = dict(await call.trailing_metadata()).get("workflows-truncated", "")
    return answer, [path for path in str(said).split(",") if path]


async def test_the_largest_step_payloads_go_first() -> None:
    async with serving(max_bytes=10_000) as edge:
        edge.runs.found = big_run(small=1_000, larger=7_000, largest=8_000)
        answer, left_out = await ask(edge, edge.stub.GetRun(GET))
    assert left_out == ["steps.largest.output_payload"]
    assert [bool(step.output_payload.fields) for step in answer.run.steps] == [True, True, False]
    assert answer.run.input_payload["lead"] == "ann"


async def test_the_run_s_own_payload_goes_last() -> None:
    async with serving(max_bytes=300) as edge:
        edge.runs.found = replace(big_run(one=500, two=400), input_payload={"x": "y" * 500})
        answer, left_out = await ask(edge, edge.stub.GetRun(GET))
    assert left_out == ["steps.one.output_payload", "steps.two.output_payload", "input_payload"]
    assert len(answer.run.steps) == 2


async def test_what_fits_is_whole(edge: Edge) -> None:
    edge.runs.found = big_run(one=250_000, two=250_000)
    answer, left_out = await ask(edge, edge.stub.GetRun(GET))
    assert left_out == []
    assert all(step.output_payload.fields for step in answer.run.steps)


async def test_twenty_full_payloads_still_reach_a_client_with_default_limits(edge: Edge) -> None:
    edge.runs.found = big_run(**{f"s{i}": 255_000 for i in range(20)})
    done = pb.TransitionStepRequest(run_id="wfr_1", step_id="s0", state=pb.STEP_RUN_STATE_COMPLETED)
    for call in (edge.stub.GetRun(GET), edge.stub.TransitionStep(done)):
        answer, left_out = await ask(edge, call)
        assert len(answer.run.steps) == 20
        assert 4 <= len(left_out) <= 6


@pytest.mark.parametrize("count", [1, 2])
async def test_a_list_that_does_not_fit_is_shorter(edge: Edge, count: int) -> None:
    author = "a" * (MAX_ANSWER_BYTES // count - 100)
    edge.definitions.kept = [Version("wfv_1", "wf_1", "acme", 1, (), (), None, None, 0, author, fakes.NOW)] * 3
    answer, left_out = await ask(edge, edge.stub.ListVersions(pb.ListVersionsRequest(definition_id="wf_1")))
    assert len(answer.versions) == count
    assert left_out == [f"rows[{count}:3]"]
