"""TransitionStep end to end: what it takes, what it refuses with which reason, and that a refusal changes nothing."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Verdict, Work
from tests.journey.acting import begin, found, plain, report, states
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, check, graph, step, task
from tests.journey.refusals import Stored
from tests.world import World, struct

FIRST_THEN_SECOND = chain(task("first"), task("second"))


@pytest.fixture
def stored(shared: World, shared_database: str) -> Stored:
    return Stored(shared, shared_database)


async def at_work(shared: World, name: str, **fields: Any) -> tuple[str, str]:
    """A run whose only step has an objective that nobody finishes; its id and the objective's."""
    shared.siblings.script.work[name] = Work(held=True)
    run = await begin(shared, chain(agent(name, **fields)))
    open_ = await shared.until(run.id, lambda run: bool(run.steps[0].objective_id))
    return run.id, open_.steps[0].objective_id


# --- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step_id", "state", "code", "reason"),
    [
        ("second", "RUNNING", StatusCode.FAILED_PRECONDITION, "report_not_taken"),
        ("second", "COMPLETED", StatusCode.FAILED_PRECONDITION, "predecessors_open"),
        ("second", "FAILED", StatusCode.FAILED_PRECONDITION, "predecessors_open"),
        ("first", "RUNNING", StatusCode.FAILED_PRECONDITION, "report_not_taken"),
        ("first", "SKIPPED", StatusCode.FAILED_PRECONDITION, "step_not_pending"),
        ("first", "CANCELLED", StatusCode.INVALID_ARGUMENT, "state_not_reportable"),
        ("first", "COMPENSATED", StatusCode.INVALID_ARGUMENT, "state_not_reportable"),
        ("first", "PENDING", StatusCode.INVALID_ARGUMENT, "state_not_reportable"),
        ("first", "UNSPECIFIED", StatusCode.INVALID_ARGUMENT, "state_not_reportable"),
        ("unknown", "COMPLETED", StatusCode.NOT_FOUND, "step_not_found"),
        ("", "COMPLETED", StatusCode.INVALID_ARGUMENT, "required"),
    ],
)
async def test_a_report_that_does_not_fit(
    shared: World, stored: Stored, step_id: str, state: str, code: StatusCode, reason: str
) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    seen = await stored.refuses(report, shared, run.id, step_id, state)
    assert (seen.code, seen.reason) == (code, reason)


async def test_an_agent_does_not_run_before_its_predecessors_have_ended(shared: World, stored: Stored) -> None:
    run = await begin(shared, chain(task("first"), agent("second")))
    seen = await stored.refuses(report, shared, run.id, "second", "RUNNING")
    assert (seen.code, seen.reason) == (StatusCode.FAILED_PRECONDITION, "predecessors_open")


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), float("-inf"), -0.01])
async def test_a_cost_is_a_number_of_dollars(shared: World, stored: Stored, cost: float) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    seen = await stored.refuses(report, shared, run.id, "first", "COMPLETED", cost_usd=cost)
    assert (seen.code, list(seen.fields)) == (StatusCode.INVALID_ARGUMENT, ["cost_usd"])


async def test_an_output_holds_what_can_be_stored(shared: World, stored: Stored) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    bad = struct({})
    bad.update({"n": float("nan")})
    seen = await stored.refuses(report, shared, run.id, "first", "COMPLETED", output_payload=bad)
    assert (seen.code, list(seen.fields)) == (StatusCode.INVALID_ARGUMENT, ["output_payload.n"])


async def test_an_unknown_state_and_an_unknown_run(shared: World, stored: Stored) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    strange = pb.TransitionStepRequest(run_id=run.id, step_id="first", state=99)  # type: ignore[arg-type]
    seen = await stored.refuses(shared.stub.TransitionStep, strange)
    assert (seen.code, seen.fields["state"]) == (StatusCode.INVALID_ARGUMENT, ["unknown_enum_value"])
    seen = await stored.refuses(report, shared, "wfr_unknown", "first", "COMPLETED")
    assert (seen.code, seen.reason) == (StatusCode.NOT_FOUND, "run_not_found")


@pytest.mark.parametrize("state", ["RUNNING", "WAITING", "COMPLETED", "FAILED"])
async def test_branches_and_parallels_take_no_reports(shared: World, stored: Stored, state: str) -> None:
    route, both = step("route", "BRANCH"), step("both", "PARALLEL")
    run = await begin(shared, graph([task("first"), route, both, task("a")], "first>route", "route>both", "both>a"))
    for step_id in ("route", "both"):
        seen = await stored.refuses(report, shared, run.id, step_id, state)
        assert (seen.code, seen.reason) == (StatusCode.FAILED_PRECONDITION, "report_not_taken")


async def test_what_has_ended_has_ended(shared: World, stored: Stored) -> None:
    """A completed step does not run, fail or complete otherwise; a completed run takes nothing new at all."""
    shared.siblings.script.work["ended"] = Work({"n": 1})
    run = await begin(shared, chain(agent("ended"), task("last")))
    await shared.until_step(run.id, "last", "WAITING")
    for state, said in (("RUNNING", {}), ("FAILED", {}), ("COMPLETED", {"output": {"n": 2}})):
        seen = await stored.refuses(report, shared, run.id, "ended", state, **said)
        assert (seen.code, seen.reason) == (StatusCode.FAILED_PRECONDITION, "step_terminal")
    await report(shared, run.id, "last", "COMPLETED")
    for step_id, state in (("ended", "RUNNING"), ("last", "FAILED")):
        seen = await stored.refuses(report, shared, run.id, step_id, state)
        assert (seen.code, seen.reason) == (StatusCode.FAILED_PRECONDITION, "run_terminal")


async def test_another_attempts_objective_says_nothing(shared: World, stored: Stored) -> None:
    run_id, _ = await at_work(shared, "superseded")
    seen = await stored.refuses(report, shared, run_id, "superseded", "COMPLETED", objective_id="obj_other")
    assert (seen.code, seen.reason) == (StatusCode.FAILED_PRECONDITION, "objective_superseded")


async def test_a_failure_of_a_retried_step_has_to_say_which_attempt(shared: World, stored: Stored) -> None:
    run_id, objective_id = await at_work(shared, "ambiguous", retry_policy=ONCE_MORE_SOON)
    await report(shared, run_id, "ambiguous", "FAILED", objective_id=objective_id)
    again = await shared.until(run_id, lambda run: run.steps[0].objective_id not in ("", objective_id))
    seen = await stored.refuses(report, shared, run_id, "ambiguous", "FAILED")
    assert (seen.code, seen.reason) == (StatusCode.INVALID_ARGUMENT, "attempt_ambiguous")
    answer = await report(shared, run_id, "ambiguous", "FAILED", objective_id=again.steps[0].objective_id)
    assert (answer.run.state, answer.step.retry_count) == (pb.WORKFLOW_STATE_FAILED, 1)


async def test_an_output_that_the_form_does_not_take_names_its_fields(shared: World, stored: Stored) -> None:
    form = {"type": "object", "required": ["signed"], "properties": {"pages": {"type": "integer"}}}
    run = await begin(shared, chain(task("sign", config={"form_schema": form})))
    seen = await stored.refuses(report, shared, run.id, "sign", "COMPLETED", output={"pages": "two"})
    assert (seen.code, seen.reason) == (StatusCode.INVALID_ARGUMENT, "form_mismatch")
    assert set(seen.fields) == {"output_payload", "output_payload.pages"}


async def test_an_agent_does_not_decide_what_it_asked_for(shared: World, stored: Stored) -> None:
    gate = step("own", "APPROVAL_GATE", action_type="own", agent_id="agent_sdr")
    run = await begin(shared, chain(gate))
    await shared.until_step(run.id, "own", "WAITING")
    seen = await stored.refuses(report, shared, run.id, "own", "COMPLETED", agent_id="agent_sdr")
    assert (seen.code, seen.reason) == (StatusCode.PERMISSION_DENIED, "own_approval")


# --- taken -------------------------------------------------------------------------------------------------------


async def test_an_exact_repetition_answers_the_same_and_tells_nobody(shared: World, stored: Stored) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    said: dict[str, Any] = {"output": {"n": 1}, "cost_usd": 0.5}
    first = await report(shared, run.id, "first", "COMPLETED", **said)
    async with stored.unchanged():
        again = await report(shared, run.id, "first", "COMPLETED", **said)
    assert again == first


async def test_the_same_report_many_times_at_once_counts_once(shared: World) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    answers = await asyncio.gather(*(report(shared, run.id, "first", "COMPLETED", cost_usd=0.5) for _ in range(8)))
    assert {answer.run.total_cost_usd for answer in answers} == {0.5}
    await report(shared, run.id, "second", "COMPLETED")
    told = await shared.until_told(run.id, "run.completed")
    assert [change.type.rpartition("changes.")[2] for change in told].count("step.completed") == 2


async def test_a_key_repeats_the_answer_of_its_time(shared: World, stored: Stored) -> None:
    run = await begin(shared, FIRST_THEN_SECOND)
    request = pb.TransitionStepRequest(run_id=run.id, step_id="first", state=pb.STEP_RUN_STATE_COMPLETED)
    key = (("idempotency-key", f"key of {run.id}"),)
    first = await shared.stub.TransitionStep(request, metadata=key)
    await report(shared, run.id, "second", "COMPLETED")
    async with stored.unchanged():
        call = shared.stub.TransitionStep(request, metadata=key)
        assert dict(await call.initial_metadata())["idempotent-replay"] == "true"
        assert await call == first
    request.error_message = "something else"
    seen = await stored.refuses(shared.stub.TransitionStep, request, metadata=key)
    assert (seen.code, seen.reason) == (StatusCode.ALREADY_EXISTS, "idempotency_conflict")


async def test_a_pending_step_can_be_skipped_and_its_edges_die(shared: World) -> None:
    run = await begin(shared, chain(task("first"), task("second"), task("third")))
    await report(shared, run.id, "second", "SKIPPED")
    answer = await report(shared, run.id, "first", "COMPLETED")
    assert states(answer.run) == {"first": "COMPLETED", "second": "SKIPPED", "third": "SKIPPED"}
    assert answer.run.state == pb.WORKFLOW_STATE_COMPLETED


async def test_a_person_may_decide_a_gate_and_an_implicit_approval_through_it(shared: World) -> None:
    shared.siblings.script.governance["implicit"] = Verdict("REQUIRE_APPROVAL")
    run = await begin(shared, chain(check("implicit"), step("explicit", "APPROVAL_GATE", action_type="explicit")))
    for step_id in ("implicit", "explicit"):
        await shared.until_step(run.id, step_id, "WAITING")
        await report(shared, run.id, step_id, "COMPLETED", output={"reason": "fine"})
    ended = await shared.until_ended(run.id)
    assert plain(found(ended, "explicit").output_payload)["reason"] == "fine"
