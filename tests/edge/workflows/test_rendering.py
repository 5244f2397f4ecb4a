"""Rendered bytes say what the library would say, payloads go round, and only what changed is rendered again."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from hypothesis import given, settings
from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import StepType
from service.domain.paging import Page
from service.domain.state import Run, StepRun, StepState
from service.edge.wire import payloads
from service.edge.workflows import run_messages
from service.edge.workflows.cache import IdentityCache
from service.edge.workflows.run_messages import Renderer
from service.edge.workflows.run_replies import RunReplies
from tests.edge import fakes
from tests.edge.generated import PAYLOADS, RUNS, run_by_library, step_by_library


@settings(max_examples=40)
@given(RUNS)
def test_a_run_is_rendered_as_the_library_would(run: Run) -> None:
    assert pb.WorkflowRun.FromString(Renderer().run(run)) == run_by_library(run)


@settings(max_examples=40)
@given(RUNS)
def test_answers_hold_the_run_and_the_step(run: Run) -> None:
    replies = RunReplies(Renderer())
    assert pb.GetRunResponse.FromString(replies.run(run).data).run == run_by_library(run)
    for step_id, step in run.steps.items():
        answer = pb.TransitionStepResponse.FromString(replies.step(run, step_id).data)
        assert (answer.step, answer.run) == (step_by_library(step), run_by_library(run))


@settings(max_examples=40)
@given(RUNS)
async def test_a_list_has_steps_without_payloads(run: Run) -> None:
    answer = await RunReplies(Renderer()).runs(Page([run, run], 2**31 - 1))
    found = pb.ListRunsResponse.FromString(answer.data)
    bare = {key: replace(step, input_payload={}, output_payload={}) for key, step in run.steps.items()}
    assert list(found.runs) == [run_by_library(replace(run, steps=bare))] * 2
    assert found.total == 2**31 - 1


@given(PAYLOADS)
def test_payloads_go_round(payload: dict[str, Any]) -> None:
    struct = Struct.FromString(payloads.write(payload))
    assert struct == json_format.ParseDict(payload, Struct())
    assert payloads.read(struct) == payload


def test_a_value_without_a_kind_is_null() -> None:
    struct = Struct()
    struct.fields["nothing"].SetInParent()
    assert payloads.read(struct) == {"nothing": None}


def test_numbers_stay_doubles() -> None:
    struct = Struct()
    struct.update({"big": 2**53 + 1, "whole": 85000})
    found = payloads.read(struct)
    assert found == {"big": float(2**53), "whole": 85000.0}
    assert {type(value) for value in found.values()} == {float}


def ten_steps() -> Run:
    payload = {f"field_{i}": "x" * 30 for i in range(4)} | {"score": 0.87, "ok": True}
    steps = (
        StepRun(
            f"step-{i}",
            f"Step {i}",
            StepType.AGENT_ACTION,
            StepState.COMPLETED,
            objective_id=f"obj_{i}",
            agent_id="agent_7",
            input_payload=payload,
            output_payload=dict(payload),
            cost_usd=Decimal("0.034"),
            started_at=fakes.NOW,
            completed_at=fakes.NOW + timedelta(seconds=i),
        )
        for i in range(10)
    )
    return fakes.run(*steps, input_payload=payload)


def test_only_what_changed_is_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[str] = []
    step_head = run_messages.step_head

    def noted(step: StepRun) -> bytes:
        heads.append(step.step_id)
        return step_head(step)

    renderer, run = Renderer(), ten_steps()
    renderer.run(run)
    monkeypatch.setattr(run_messages, "step_head", noted)
    changed = replace(run.steps["step-4"], output_payload={"x": 1})
    run = replace(run, steps={**run.steps, "step-4": changed})
    assert pb.WorkflowRun.FromString(renderer.run(run)) == run_by_library(run)
    assert heads == ["step-4"]


def test_the_cache_is_bounded_and_never_confuses_objects() -> None:
    cache = IdentityCache(max_bytes=100)
    for number in range(10_000):
        data = b"%30d" % number
        assert cache.get([number], lambda _, data=data: data) == data  # type: ignore[misc]
    assert len(cache) <= 3


def test_what_is_too_large_for_the_cache_is_still_rendered() -> None:
    cache = IdentityCache(max_bytes=10)
    assert cache.get("key", lambda _: b"x" * 100) == b"x" * 100
    assert len(cache) == 0
