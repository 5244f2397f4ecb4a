"""WAIT_FOR_EVENT: which events end a wait, early and late ones, other tenants', and what a timeout means."""

from typing import Any
from uuid import uuid4

import pytest
from workflows.v1 import workflows_pb2 as pb

from tests.journey.acting import begin, found, plain, report, states
from tests.journey.graphs import chain, step, task
from tests.world import WORKSPACE, World

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


async def test_the_event_that_started_the_run_ends_none_of_its_waits(shared: World) -> None:
    published = await shared.publish(chain(wait("later", f"{WAIT}.later")))
    first = f"first of {published.definition.id}"
    run = await shared.start(published.definition.id, trigger_type=pb.TRIGGER_TYPE_EVENT, trigger_event_id=first)
    await shared.say(f"{WAIT}.later", {"n": 1}, event_id=first)
    second = await shared.say(f"{WAIT}.later", {"n": 2})
    assert found(await shared.until_ended(run.id), "later").event_id == second


async def test_a_wait_may_count_only_what_comes_after_it_opened(shared: World) -> None:
    late = wait("from-now", f"{WAIT}.again", {"accept_after": "step_start"})
    run = await begin(shared, chain(task("hold"), late))
    await shared.say(f"{WAIT}.again", {"n": 1})
    await until_heard(shared)
    await report(shared, run.id, "hold", "COMPLETED")
    second = await shared.say(f"{WAIT}.again", {"n": 2})
    assert found(await shared.until_ended(run.id), "from-now").event_id == second


# --- told apart --------------------------------------------------------------------------------------------------

BY_LEAD = {"correlate": {"event": "lead.id", "run": "input.lead"}}


async def test_an_event_ends_the_wait_of_the_run_that_it_is_about(shared: World) -> None:
    published = await shared.publish(chain(wait("mine", f"{WAIT}.mine", BY_LEAD)))
    dana, kim = [await shared.start(published.definition.id, {"lead": lead}) for lead in ("dana", "kim")]
    about_kim = await shared.say(f"{WAIT}.mine", {"lead": {"id": "kim"}})
    assert found(await shared.until_ended(kim.id), "mine").event_id == about_kim
    await shared.say(f"{WAIT}.mine", {"lead": {"id": "lee"}})
    await shared.say(f"{WAIT}.mine", {"nobody": True})
    await until_heard(shared)
    assert states(await shared.run(dana.id)) == {"mine": "WAITING"}
    about_dana = await shared.say(f"{WAIT}.mine", {"lead": {"id": "dana"}})
    assert found(await shared.until_ended(dana.id), "mine").event_id == about_dana


async def test_a_correlated_event_may_come_before_the_wait_opens(shared: World) -> None:
    like = chain(task("hold"), wait("early-mine", f"{WAIT}.early-mine", BY_LEAD))
    run = await begin(shared, like, {"lead": 7})
    await shared.say(f"{WAIT}.early-mine", {"lead": {"id": 8}})
    early = await shared.say(f"{WAIT}.early-mine", {"lead": {"id": 7.0}})
    await until_heard(shared)
    await report(shared, run.id, "hold", "COMPLETED")
    assert found(await shared.until_ended(run.id), "early-mine").event_id == early


async def test_nothing_to_correlate_by_fails_the_wait(shared: World) -> None:
    run = await begin(shared, chain(wait("lost", f"{WAIT}.lost", BY_LEAD)), {"lead": None})
    assert "nothing to tell events by" in found(run, "lost").error_message


async def test_a_filter_sees_the_run_its_steps_and_the_event(shared: World) -> None:
    condition = "amount == input.amount && steps['hold'].output.by == who && event.subject == run.entity_id"
    like = chain(task("hold"), wait("picky", f"{WAIT}.picky", {"filter_expr": condition}))
    run = await begin(shared, like, {"amount": 5}, entity_id="ent_dana")
    await report(shared, run.id, "hold", "COMPLETED", output={"by": "ann"})
    for payload in ({"amount": 5, "who": "bob"}, {"amount": 6, "who": "ann"}):
        await shared.say(f"{WAIT}.picky", payload, subject="ent_dana")
    right = await shared.say(f"{WAIT}.picky", {"amount": 5, "who": "ann"}, subject="ent_dana")
    assert found(await shared.until_ended(run.id), "picky").event_id == right


SUBJECTS = {
    "the bus subject": ("siphon.tap.mail.inbox.got", {}),
    "the bus subject with the tenant": (f"siphon.tap.{WORKSPACE}.mail.inbox.got", {}),
    "the event's own": ("siphon.tap.any.other.one", {"subject": "siphon.tap.mail.inbox.got"}),
}


@pytest.mark.parametrize(("bus_subject", "more"), SUBJECTS.values(), ids=SUBJECTS)
async def test_the_subject_has_to_fit_as_well(shared: World, bus_subject: str, more: dict[str, str]) -> None:
    kind = f"{WAIT}.{uuid4().hex}"
    run = await begin(shared, chain(wait("about", kind, event_subject_pattern="siphon.tap.mail.*.got")))
    await shared.say(kind, {}, bus_subject="siphon.tap.mail.inbox.lost")
    fitting = await shared.say(kind, {}, bus_subject=bus_subject, **more)
    assert found(await shared.until_ended(run.id), "about").event_id == fitting


async def test_a_wait_for_nothing_is_a_delay(shared: World) -> None:
    pause = step("pause", "WAIT_FOR_EVENT", {"timeout_action": "go on"}, timeout_seconds=1)
    ended = await shared.until_ended((await begin(shared, chain(pause))).id)
    lasted = ended.completed_at.ToDatetime() - ended.started_at.ToDatetime()
    assert states(ended) == {"pause": "COMPLETED"}
    assert 1 <= lasted.total_seconds() < 10
