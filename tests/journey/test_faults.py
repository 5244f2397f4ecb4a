"""Every kind of call meets every kind of fault: the run ends right, and the sibling has done it once, under one key.

All calls meet one kind of fault at the same time. In this world a call has a second, so that one that hangs costs no
more. A fault after the effect is the hard one: the work was done, and only the word of it was lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

import orjson
import pytest
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, Ruling, Work
from tests.journey.acting import asked, begin, states, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, check, gate, step
from tests.world import World


@pytest.fixture(scope="module")
def settings() -> Mapping[str, str]:
    return {"LEASE_SECONDS": "3"}


FAULTS = {
    "error": Fault("", "UNAVAILABLE"),
    "hang": Fault("", "HANG"),
    "garbage": Fault("", "GARBAGE"),
    "empty": Fault("", "EMPTY"),
    "slow": Fault("", "SLOW", delay_seconds=0.1),
}
LOST_WORDS = {
    f"{name}-after": replace(FAULTS[name], after_effect=True) for name in ("error", "hang", "garbage", "empty")
}

LOOK_UPS = {
    "agents.Get": agent("given"),
    "registry.Discover": agent("routed", required_capability="lead.qualification"),
    "skills.Get": agent("skilled", skill_id="skill_crm"),
    "agents.GetConfig": agent("prompted", prompt_name="outreach"),
    "prompts.Resolve": agent("prompted", prompt_name="outreach"),
    "governance.EvaluateAction": check("allowed"),
    "approvals.GetApproval": gate("approved"),
}


def objectives(world: World, run: pb.WorkflowRun) -> list[objectives_pb2.Objective]:
    return [each for each in world.siblings.objectives.values() if f"{run.id}/" in each.description]


def created(world: World, run: pb.WorkflowRun) -> int:
    return len(objectives(world, run))


def cancelled(world: World, run: pb.WorkflowRun) -> int:
    return sum(each.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED for each in objectives(world, run))


def delegated(world: World, run: pb.WorkflowRun) -> int:
    return sum(each.workflow_run_id == run.id for each in world.siblings.delegations.values())


def requested(world: World, run: pb.WorkflowRun) -> int:
    contexts = (orjson.loads(each.request.context_json) for each in world.siblings.approvals.values())
    return sum(context["run_id"] == run.id for context in contexts)


def sent(world: World, run: pb.WorkflowRun) -> int:
    """A notification has the step's name, which no other run's step has, as its subject."""
    return sum(each.subject == run.steps[0].step_name for each in world.siblings.notifications.values())


async def finish(world: World, run: pb.WorkflowRun) -> None:
    for objective in objectives(world, run):
        await world.siblings.finish_objective(objective.id, Work())


async def approve(world: World, run: pb.WorkflowRun) -> None:
    waiting = await world.until_step(run.id, run.steps[0].step_id, "WAITING")
    await world.siblings.decide_approval(waiting.approval_request_id, "APPROVED")


async def nothing(world: World, run: pb.WorkflowRun) -> None:
    """The step ends by itself."""


@dataclass(frozen=True)
class Deed:
    """A call that changes something at its sibling: `done` counts the records of it that are of a run's only step,
    `then` brings that to its end."""

    method: str
    step: pb.StepDefinition
    done: Callable[[World, pb.WorkflowRun], int]
    then: Callable[[World, pb.WorkflowRun], Awaitable[None]] = nothing


DEEDS = (
    Deed("objectives.Create", agent("created"), created),
    Deed("agents.Delegate", agent("held", required_capability="lead.qualification"), delegated, finish),
    Deed("approvals.RequestApproval", gate("asked"), requested, approve),
    Deed("notifications.Send", step("tell", "NOTIFICATION", {"recipient": "ann", "required": True}), sent),
    Deed("objectives.Cancel", agent("refused", required_capability="lead.qualification"), cancelled),
)
SEARCHED = ("objectives.Create", "agents.Delegate", "approvals.RequestApproval")
"""Calls that are not made again when they are found to have been made."""


@pytest.fixture(scope="module", autouse=True)
def scripted(shared: World) -> None:
    """The delegation of one step is refused, and its objective is cancelled then."""
    shared.siblings.script.approvals["approved"] = Ruling("APPROVED")
    shared.siblings.script.work["held"] = Work(held=True)
    shared.siblings.script.work["refused"] = Work(held=True, delegation="REJECTED")


def befall(shared: World, fault: Fault) -> Callable[[], bool]:
    """Has a call meet the fault; what is given says whether one has met it."""
    before = len(shared.siblings.calls)
    shared.siblings.add_fault(fault)
    wanted = (fault.method, fault.kind)
    return lambda: wanted in {(call.method, call.outcome) for call in shared.siblings.calls[before:]}


async def run_of(shared: World, wanted: pb.StepDefinition) -> pb.WorkflowRun:
    """A run of this step alone, under a name of its own."""
    named = pb.StepDefinition()
    named.CopyFrom(wanted)
    named.name = str(uuid4())
    return await begin(shared, chain(named))


async def look_up(shared: World, fault: Fault, wanted: pb.StepDefinition) -> None:
    """A registry that is not reached in time, or was not for a while, is done without: then the next run meets it."""
    met = befall(shared, fault)
    while not met():
        run = await run_of(shared, wanted)
        assert states(await shared.until_ended(run.id)) == {wanted.id: "COMPLETED"}
        calls = [call for call in asked(shared, run.id) if call.method == fault.method]
        assert len({(call.idempotency_key, call.request) for call in calls}) <= 1


async def do(shared: World, fault: Fault, deed: Deed) -> None:
    met = befall(shared, fault)
    run = await run_of(shared, deed.step)
    await until_siblings(shared, met)
    await until_siblings(shared, lambda: deed.done(shared, run) > 0)
    await deed.then(shared, run)
    ended = await shared.until_ended(run.id)
    assert states(ended) == {deed.step.id: "FAILED" if deed.step.id == "refused" else "COMPLETED"}
    assert deed.done(shared, run) == 1
    calls = [call for call in asked(shared, run.id) if call.method == deed.method]
    assert len({(call.idempotency_key, call.request) for call in calls}) == 1
    if fault.works and deed.method in SEARCHED:
        assert len(calls) == 1


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_look_up_is_repeated_until_it_is_answered(shared: World, fault: Fault) -> None:
    met = (look_up(shared, replace(fault, method=method), wanted) for method, wanted in LOOK_UPS.items())
    await asyncio.gather(*met)


@pytest.mark.parametrize("fault", [*FAULTS.values(), *LOST_WORDS.values()], ids=[*FAULTS, *LOST_WORDS])
async def test_a_deed_is_done_once(shared: World, fault: Fault) -> None:
    await asyncio.gather(*(do(shared, replace(fault, method=deed.method), deed) for deed in DEEDS))


NOES = {
    "INVALID_ARGUMENT": ("FAILED", 0, "scripted INVALID_ARGUMENT"),
    "FAILED_PRECONDITION": ("COMPLETED", 1, ""),
}


@pytest.mark.parametrize(("code", "seen"), NOES.items(), ids=NOES)
async def test_a_no_is_final_or_fails_the_attempt(shared: World, code: str, seen: tuple[str, int, str]) -> None:
    shared.siblings.add_fault(Fault("objectives.Create", code))
    run = await begin(shared, chain(agent("declined", retry_policy=ONCE_MORE_SOON)))
    ended = await shared.until_ended(run.id)
    (step_run,) = ended.steps
    assert (states(ended)["declined"], step_run.retry_count, step_run.error_message) == seen
