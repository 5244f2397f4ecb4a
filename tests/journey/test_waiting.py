"""WAIT_FOR_EVENT: which events end a wait, early and late ones, other tenants', and what a timeout means."""

from typing import Any

from workflows.v1 import workflows_pb2 as pb

from tests.journey.acting import begin, found, plain, report, states
from tests.journey.graphs import chain, step, task
from tests.world import World

WAIT = "siphon.tap.gmail.message"


def wait(step_id: str, event_type: str, config: dict[str, Any] | None = None, **fields: Any) -> pb.StepDefinition:
    return step(step_id, "WAIT_FOR_EVENT", config, event_type_pattern=event_type, **fields)


async def test_an_event_of_the_tenant_that_fits_ends_the_wait(shared: World) -> None:
    reply = wait("reply", f"{WAIT}.*", {"filter_expr": "event.type.endsWith('fits') && score > 3"})
    run = await begin(shared, chain(reply))
    await shared.until_step(run.id, "reply", "WAITING")
    await shared.say(f"{WAIT}.fits", {"score": 9}, tenant="ws_other")
    await shared.say(f"{WAIT}.fits", {"score": 1})
    await shared.say(f"{WAIT}.fits", {"no": "score"})
    await shared.say(f"{WAIT}.else", {"score": 9})
    wanted = await shared.say(f"{WAIT}.fits", {"score": 5})
    ended = await shared.until_ended(run.id)
    assert (found(ended, "reply").event_id, plain(ended.output_payload)) == (wanted, {"score": 5})


async def test_an_event_that_came_before_the_wait_opened_counts_once(shared: World) -> None:
    waits = chain(task("hold"), wait("early", f"{WAIT}.early"), wait("again", f"{WAIT}.early", timeout_seconds=1))
    run = await begin(shared, waits)
    await shared.until_step(run.id, "hold", "WAITING")
    early = await shared.say(f"{WAIT}.early", {"n": 1})
    await until_heard(shared)
    await report(shared, run.id, "hold", "COMPLETED")
    assert (await shared.until_step(run.id, "early", "COMPLETED")).event_id == early
    ended = await shared.until_ended(run.id)
    assert states(ended) == {"hold": "COMPLETED", "early": "COMPLETED", "again": "FAILED"}


async def until_heard(shared: World) -> None:
    """Until the service has taken in what was said before: it takes in events in order, and a later one has arrived."""
    run = await begin(shared, chain(wait("flush", f"{WAIT}.flush")))
    await shared.say(f"{WAIT}.flush", {})
    await shared.until_ended(run.id)


async def test_an_event_from_before_the_run_does_not_count(shared: World) -> None:
    published = await shared.publish(chain(wait("late", f"{WAIT}.late", timeout_seconds=1)))
    await shared.say(f"{WAIT}.late", {})
    await until_heard(shared)
    run = await shared.start(published.definition.id)
    assert states(await shared.until_ended(run.id)) == {"late": "FAILED"}


async def test_a_wait_that_times_out_fails_or_goes_on_as_configured(shared: World) -> None:
    strict = await begin(shared, chain(wait("strict", f"{WAIT}.never", timeout_seconds=1)))
    patient = {"timeout_action": "follow_up"}
    lenient = await begin(shared, chain(wait("lenient", f"{WAIT}.never", patient, timeout_seconds=1)))
    assert states(await shared.until_ended(strict.id)) == {"strict": "FAILED"}
    ended = await shared.until_ended(lenient.id)
    assert plain(ended.output_payload) == {"timed_out": True, "timeout_action": "follow_up"}


async def test_one_event_ends_the_waits_of_every_run_that_has_one(shared: World) -> None:
    published = await shared.publish(chain(wait("shout", f"{WAIT}.shout")))
    runs = [await shared.start(published.definition.id) for _ in range(3)]
    event_id = await shared.say(f"{WAIT}.shout", {"loud": True})
    ended = [await shared.until_ended(run.id) for run in runs]
    assert [found(run, "shout").event_id for run in ended] == [event_id] * 3
