"""ValidateVersion: everything PublishVersion would say of a draft, and nothing published."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from grpc import StatusCode
from workflows.ops.v1 import definitions_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.edge.definitions.replies import MOST_FINDINGS
from tests.edge.edge import Edge, refused
from tests.edge.workflows.test_publish import pipeline

ERROR, WARNING = ops.FINDING_SEVERITY_ERROR, ops.FINDING_SEVERITY_WARNING
Spoil = Callable[[Random, pb.PublishVersionRequest], Any]


async def validated(edge: Edge, draft: pb.PublishVersionRequest) -> ops.ValidateVersionResponse:
    return await edge.definition_stub.ValidateVersion(ops.ValidateVersionRequest(draft=draft))


def _swap_ends(random: Random, draft: pb.PublishVersionRequest) -> None:
    edge = random.choice(draft.edges)
    edge.from_step_id, edge.to_step_id = edge.to_step_id, edge.from_step_id


def _set(random: Random, owners: Any, field: str, *values: Any) -> None:
    setattr(random.choice(owners), field, random.choice(values))


SPOILS: tuple[Spoil, ...] = (
    _swap_ends,
    lambda random, draft: _set(random, draft.steps, "id", "", "a b", draft.steps[0].id, "event", "x" * 200, "\0"),
    lambda random, draft: _set(random, draft.steps, "step_type", 0, 99, 3, 5, 6),
    lambda random, draft: _set(random, draft.steps, "name", "n" * 300, "\0"),
    lambda random, draft: _set(random, draft.steps, "timeout_seconds", -1, 2**31 - 1),
    lambda random, draft: _set(random, draft.steps, "risk_level", "HIGH"),
    lambda random, draft: _set(random, draft.steps, "compensation_step_id", "nobody", draft.steps[1].id),
    lambda random, draft: _set(random, draft.steps, "condition_expr", "a = b", "(((", "nobody.output", "siez(input)"),
    lambda random, draft: _set(random, draft.steps, "event_type_pattern", "a.**", "a..b"),
    lambda random, draft: random.choice(draft.steps).config.update({random.choice(["input", "titel"]): {"x": "1 +"}}),
    lambda random, draft: random.choice(draft.steps).config.update({"deep": float("nan")}),
    lambda random, draft: _set(random, draft.edges, "to_step_id", "nowhere", "", "\0"),
    lambda random, draft: _set(random, draft.edges, "condition_expr", "1 + 1", "zzz ==", "steps.nobody.output.x == 1"),
    lambda random, draft: draft.edges.add(from_step_id=draft.steps[0].id, to_step_id=draft.steps[0].id),
    lambda random, draft: draft.edges.append(random.choice(draft.edges)),
    lambda random, draft: draft.steps.pop(random.randrange(len(draft.steps))),
    lambda random, draft: setattr(draft.trigger, "trigger_type", random.choice([0, 2, 77])),
    lambda random, draft: setattr(draft.trigger, "cron_expr", "61 * * * *"),
    lambda random, draft: setattr(draft.trigger, "filter_expr", "event.id +"),
    lambda random, draft: setattr(draft, "author", "\0"),
    lambda random, draft: setattr(draft, "definition_id", "d" * 200),
    lambda random, draft: setattr(draft.default_retry_policy, "backoff_multiplier", float("inf")),
)


def spoilt(seed: int) -> pb.PublishVersionRequest:
    random, draft = Random(seed), pipeline()
    for spoil in random.sample(SPOILS, random.randint(1, 5)):
        spoil(random, draft)
    return draft


async def test_it_finds_what_publishing_refuses(edge: Edge) -> None:
    reasons: set[str] = set()
    for seed in range(150):
        draft = spoilt(seed)
        found = await validated(edge, draft)
        errors = [finding for finding in found.findings if finding.severity == ERROR]
        reasons |= {finding.reason for finding in errors}
        if found.valid:
            assert not errors
            await edge.stub.PublishVersion(draft)
            continue
        refusal = await refused(edge.stub.PublishVersion(draft))
        assert (refusal.code, refusal.reason) == (StatusCode.INVALID_ARGUMENT, errors[0].reason)
        assert int(refusal.metadata.get("violations", sum(map(len, refusal.fields.values())))) == len(errors)
        shown: dict[str, list[str]] = {}
        for finding in errors[: sum(map(len, refusal.fields.values()))]:
            shown.setdefault(finding.path, []).append(finding.reason)
        assert shown == refusal.fields
    assert len(reasons) > 25, reasons


async def test_a_good_draft_is_valid_and_stays_a_draft(edge: Edge) -> None:
    found = await validated(edge, pipeline())
    assert found.valid
    assert [(each.severity, each.reason) for each in found.findings] == [(WARNING, "branch_without_default")]
    assert not edge.committed


async def test_what_was_meant_and_where(edge: Edge) -> None:
    draft = pipeline()
    draft.edges[0].condition_expr = "error == null and true"
    (found,) = [each for each in (await validated(edge, draft)).findings if each.severity == ERROR]
    assert (found.path, found.reason, found.offset) == ("edges[0].condition_expr", "expression_syntax", 14)
    assert found.suggestion == "did you mean 'error == null && true'?"
    assert found.message


async def test_a_draft_of_nothing_in_particular(edge: Edge) -> None:
    draft = pipeline()
    draft.definition_id = ""
    edge.definitions.found = None
    assert (await validated(edge, draft)).valid
    assert not edge.definitions.asked
    empty = await edge.definition_stub.ValidateVersion(ops.ValidateVersionRequest())
    assert [each.reason for each in empty.findings] == ["no_steps"]


async def test_the_definition_has_to_be_there(edge: Edge) -> None:
    edge.definitions.found = None
    error = await refused(validated(edge, pipeline()))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "definition_not_found")


@pytest.mark.parametrize("unfit", ["\0", "d" * 129, " "])
async def test_an_id_that_cannot_be_is_a_finding(edge: Edge, unfit: str) -> None:
    draft = pipeline()
    draft.definition_id = unfit
    found = await validated(edge, draft)
    assert [each.path for each in found.findings if each.severity == ERROR] == ["definition_id"]
    assert not edge.definitions.asked


async def test_a_report_is_bounded(edge: Edge) -> None:
    steps = [pb.StepDefinition(id=f"s{i}", step_type=pb.STEP_TYPE_BRANCH, timeout_seconds=-1) for i in range(500)]
    edges = [pb.Edge(from_step_id=f"s{i}", to_step_id="nowhere") for i in range(501)]
    found = await validated(edge, pb.PublishVersionRequest(steps=steps, edges=edges))
    assert len(found.findings) == MOST_FINDINGS
    assert found.left_out == 2  # the last edge is there twice, too
    assert not found.valid


async def test_long_texts_are_cut_and_the_message_fits(edge: Edge) -> None:
    edges = [pb.Edge(from_step_id=f"{i}" + "é" * 2_300, to_step_id="a") for i in range(200)]
    draft = pb.PublishVersionRequest(steps=[pb.StepDefinition(id="a", step_type=pb.STEP_TYPE_HUMAN_TASK)], edges=edges)
    found = await validated(edge, draft)
    assert len(found.findings) == 200
    assert max(len(each.message) for each in found.findings) == 2_000
