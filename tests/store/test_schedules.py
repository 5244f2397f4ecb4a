"""Schedules as rows: what publishing, operators and claimers do to them, and who may see them."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from service.domain.definition import Trigger, TriggerType
from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Idem
from service.domain.schedule import Overlap, Schedule, SchedulePolicy, SchedulePolicyChange, next_move, stand
from service.store.definitions import Definitions
from service.store.pool import ENGINE, Pool
from service.store.queries import query
from service.store.schedules import ScheduleReads, Schedules
from tests.builders import chain
from tests.store.test_queries import explain, scanned, used

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
LEASE = 30.0
HOUR = timedelta(hours=1)


@pytest.fixture
def schedules(engine_pool: Pool) -> Schedules:
    return Schedules(engine_pool)


@pytest.fixture
def shown(reader_pool: Pool) -> ScheduleReads:
    return ScheduleReads(reader_pool)


async def create(definitions: Definitions, name: str = "Nightly", workspace_id: str = "ws_1") -> str:
    return (await definitions.create(workspace_id, name, "", [], "user:ann", None)).value.id


async def publish(definitions: Definitions, definition_id: str, cron: str = "0 * * * *") -> str:
    await publish_trigger(definitions, definition_id, Trigger(TriggerType.SCHEDULE, cron_expr=cron))
    return definition_id


async def publish_trigger(definitions: Definitions, definition_id: str, trigger: Trigger | None) -> None:
    draft = replace(chain(1), definition_id=definition_id, trigger=trigger)
    await definitions.publish(draft, None, "user:ann", None)


async def of(shown: ScheduleReads, definition_id: str) -> Schedule:
    found = await shown.get(definition_id, None)
    assert found is not None
    return found[0]


# --- publishing ------------------------------------------------------------------------------------------------------


async def test_publishing_a_schedule_makes_one(definitions: Definitions, shown: ScheduleReads) -> None:
    hourly = await publish(definitions, await create(definitions))
    found = await shown.get(hourly, "ws_1")
    assert found is not None
    schedule, now = found
    stands = stand(hourly, "0 * * * *", SchedulePolicy(), now)
    assert schedule == Schedule(hourly, "ws_1", "0 * * * *", SchedulePolicy(), *stands)


@pytest.mark.parametrize("trigger", [None, Trigger(), Trigger(TriggerType.EVENT, event_type="a.b")])
async def test_another_trigger_removes_it(
    definitions: Definitions, shown: ScheduleReads, trigger: Trigger | None
) -> None:
    hourly = await publish(definitions, await create(definitions))
    await publish_trigger(definitions, hourly, trigger)
    assert await shown.get(hourly, None) is None


async def test_the_policy_survives_a_new_version(
    definitions: Definitions, schedules: Schedules, shown: ScheduleReads
) -> None:
    hourly = await publish(definitions, await create(definitions))
    policy = SchedulePolicy("Europe/Berlin", Overlap.SKIP, 60, 0)
    await schedules.set_policy(hourly, SchedulePolicyChange("Europe/Berlin", Overlap.SKIP, 60), None, None)
    await schedules.pause(hourly, "why", None, "user:ann", None)
    await publish(definitions, hourly, "0 9 * * 1")
    changed, now = (await shown.get(hourly, None)) or pytest.fail("it is gone")
    assert (changed.cron_expr, changed.policy, changed.version) == ("0 9 * * 1", policy, 2)
    assert changed.pause is not None
    assert changed.next_at == stand(hourly, "0 9 * * 1", policy, now).tick


async def test_the_same_expression_leaves_it_where_it_stands(
    definitions: Definitions, shown: ScheduleReads, owner: Owner
) -> None:
    hourly = await publish(definitions, await create(definitions))
    await owner.execute("update schedules set next_at = next_at - interval '9 hours', due_at = next_at")
    before = await of(shown, hourly)
    await publish(definitions, hourly)
    assert await of(shown, hourly) == before


async def test_a_version_that_is_not_stored_leaves_the_schedule(
    definitions: Definitions, shown: ScheduleReads, owner: Owner
) -> None:
    hourly = await publish(definitions, await create(definitions))
    before = await of(shown, hourly)
    await owner.execute("alter table changes add check (sequence < 3)")
    with pytest.raises(psycopg.errors.CheckViolation):
        await publish(definitions, hourly, "5 5 * * *")
    assert await of(shown, hourly) == before


# --- operators -------------------------------------------------------------------------------------------------------


async def test_a_policy_is_changed_in_part(
    definitions: Definitions, schedules: Schedules, shown: ScheduleReads
) -> None:
    hourly = await publish(definitions, await create(definitions))
    await schedules.set_policy(
        hourly, SchedulePolicyChange(overlap=Overlap.BUFFER_ONE, jitter_seconds=60), "ws_1", None
    )
    changed = await schedules.set_policy(
        hourly, SchedulePolicyChange(catch_up_seconds=0, expected_version=2), "ws_1", None
    )
    assert changed.value.policy == SchedulePolicy("UTC", Overlap.BUFFER_ONE, 0, 60)
    assert changed.value.version == 3
    assert changed.value.due_at == stand(hourly, "0 * * * *", changed.value.policy, changed.value.next_at - HOUR).due_at
    assert await of(shown, hourly) == changed.value


async def test_another_zone_has_other_ticks(definitions: Definitions, schedules: Schedules) -> None:
    daily = await publish(definitions, await create(definitions), "0 9 * * *")
    kolkata = await schedules.set_policy(daily, SchedulePolicyChange(timezone="Asia/Kolkata"), None, None)
    assert f"{kolkata.value.next_at:%H:%M}" == "03:30"


async def test_a_policy_that_somebody_else_changed_is_not_overwritten(
    definitions: Definitions, schedules: Schedules
) -> None:
    hourly = await publish(definitions, await create(definitions))
    change = SchedulePolicyChange(jitter_seconds=5, expected_version=1)
    both = await asyncio.gather(
        *(schedules.set_policy(hourly, change, None, None) for _ in range(2)), return_exceptions=True
    )
    [refused] = [one for one in both if isinstance(one, Refusal)]
    assert (refused.kind, refused.reason) == (Kind.CONFLICT, "schedule_version")


async def test_the_first_pause_counts_and_resuming_is_repeatable(
    definitions: Definitions, schedules: Schedules, shown: ScheduleReads
) -> None:
    hourly = await publish(definitions, await create(definitions))
    first = (await schedules.pause(hourly, "holidays", None, "user:ann", None)).value
    assert first.pause is not None
    assert (first.pause.by, first.pause.reason) == ("user:ann", "holidays")
    assert (await schedules.pause(hourly, "again", None, "user:bob", None)).value == first == await of(shown, hourly)
    resumed = (await schedules.resume(hourly, None, None)).value
    assert resumed.pause is None
    assert (await schedules.resume(hourly, None, None)).value == resumed


async def test_a_callers_key_makes_a_change_one(definitions: Definitions, schedules: Schedules) -> None:
    hourly = await publish(definitions, await create(definitions))
    key, change = Idem("user:ann", "k", b"body"), SchedulePolicyChange(jitter_seconds=5)
    assert not (await schedules.set_policy(hourly, change, None, key)).replay
    again = await schedules.set_policy(hourly, change, None, key)
    assert (again.replay, again.value.version) == (True, 2)
    with pytest.raises(Refusal, match="another request"):
        await schedules.resume(hourly, None, key)


async def test_what_is_foreign_or_unknown_does_not_exist(
    definitions: Definitions, schedules: Schedules, shown: ScheduleReads
) -> None:
    hourly = await publish(definitions, await create(definitions))
    unscheduled = await create(definitions, "Other")
    assert await shown.get(hourly, "ws_2") is None
    for definition_id, visible in ((hourly, "ws_2"), (unscheduled, "ws_1"), ("wf_none", None)):
        for call in (
            schedules.pause(definition_id, "", visible, "user:ann", None),
            schedules.resume(definition_id, visible, None),
            schedules.set_policy(definition_id, SchedulePolicyChange(), visible, None),
        ):
            with pytest.raises(Refusal) as refused:
                await call
            assert refused.value.kind is Kind.NOT_FOUND


async def test_lists_are_of_a_workspace_newest_first(definitions: Definitions, shown: ScheduleReads) -> None:
    made = [await publish(definitions, await create(definitions, f"Nightly {n}")) for n in range(3)]
    foreign = await publish(definitions, await create(definitions, workspace_id="ws_2"))
    page = await shown.list("ws_1", 2, 0)
    assert ([found.definition_id for found in page.rows], page.total) == ([made[2], made[1]], 3)
    assert [found.definition_id for found in (await shown.list(None, 50, 0)).rows] == [foreign, *made[::-1]]
    assert ((await shown.list("ws_1", 50, 9)).rows, (await shown.list("ws_3", 50, 0)).total) == ([], 0)


# --- claims ----------------------------------------------------------------------------------------------------------


async def overdue(owner: Owner) -> None:
    await owner.execute(
        "update schedules set next_at = next_at - interval '1 hour', due_at = due_at - interval '1 hour'"
    )


async def test_nothing_is_claimed_before_it_is_due(definitions: Definitions, schedules: Schedules) -> None:
    await publish(definitions, await create(definitions), "0 0 1 1 *")
    assert await schedules.claim_schedules(10, LEASE) == []


async def test_claimers_share_and_never_repeat(definitions: Definitions, schedules: Schedules, owner: Owner) -> None:
    made = {await publish(definitions, await create(definitions, f"Nightly {n}")) for n in range(12)}
    await overdue(owner)
    claims = await asyncio.gather(*(schedules.claim_schedules(4, LEASE) for _ in range(4)))
    claimed = [due.schedule.definition_id for claim in claims for due in claim]
    assert len(claimed) == len(set(claimed))
    left = await schedules.claim_schedules(100, LEASE)
    assert {*claimed, *(due.schedule.definition_id for due in left)} == made


async def test_a_lease_that_ran_out_is_claimed_again(
    definitions: Definitions, schedules: Schedules, owner: Owner
) -> None:
    await publish(definitions, await create(definitions))
    await overdue(owner)
    [first] = await schedules.claim_schedules(10, LEASE)
    assert await schedules.claim_schedules(10, LEASE) == []
    await owner.execute("update schedules set lease_until = now()")
    [second] = await schedules.claim_schedules(10, LEASE)
    assert second.schedule == first.schedule


async def test_a_paused_schedule_is_not_claimed(definitions: Definitions, schedules: Schedules, owner: Owner) -> None:
    hourly = await publish(definitions, await create(definitions))
    await schedules.pause(hourly, "", None, "user:ann", None)
    await overdue(owner)
    assert await schedules.claim_schedules(10, LEASE) == []


async def test_moves_add_up(definitions: Definitions, schedules: Schedules, shown: ScheduleReads, owner: Owner) -> None:
    hourly = await publish(definitions, await create(definitions))
    await owner.execute("update schedules set missed = 5, skipped = 6")
    await overdue(owner)
    [due] = await schedules.claim_schedules(10, LEASE)
    taken = replace(next_move(due.schedule, due.now, going=False, enabled=True), missed=1, skipped=1)
    await schedules.move_on(due.schedule, taken, "wfr_1")
    found = await of(shown, hourly)
    assert (found.missed, found.skipped) == (6, 7)
    assert (found.last_tick_at, found.last_run_id) == (taken.start, "wfr_1")
    assert (found.next_at, found.due_at) == (taken.next_at, taken.due_at)


async def test_a_schedule_that_was_changed_meanwhile_is_not_moved(
    definitions: Definitions, schedules: Schedules, shown: ScheduleReads, owner: Owner
) -> None:
    hourly = await publish(definitions, await create(definitions))
    await overdue(owner)
    [due] = await schedules.claim_schedules(10, LEASE)
    await publish(definitions, hourly, "5 5 5 5 *")
    before = await of(shown, hourly)
    await schedules.move_on(due.schedule, next_move(due.schedule, due.now, going=False, enabled=True), "wfr_1")
    assert await of(shown, hourly) == replace(before, last_tick_at=due.schedule.next_at, last_run_id="wfr_1")


async def test_claims_go_by_index(looker: Owner) -> None:
    await looker.execute(
        "insert into workflow_definitions (id, workspace_id, name, description, tags)"
        " select 'wf_' || n, 'ws_1', 'n' || n, '', '{}' from generate_series(1, 3000) n"
    )
    await looker.execute(
        "insert into schedules (definition_id, workspace_id, cron_expr, timezone, overlap, catch_up_seconds,"
        "                       jitter_seconds, next_at, due_at, buffered_at)"
        " select id, workspace_id, '* * * * *', 'UTC', 'ALLOW', 0, 0, 'tomorrow', 'tomorrow',"
        "        case when name = 'n7' then now() end from workflow_definitions"
    )
    await looker.execute("analyze schedules")
    plan = await explain(looker, ENGINE, "force_generic_plan", query("schedules_claim"), "10, 30")
    assert used(plan) >= {"schedules_claimable", "schedules_buffered", "schedules_pkey"}
    assert "workflow_runs_unfinished" not in plan
    assert scanned(plan) == set()


async def test_overlaps_are_the_domains(owner: Owner) -> None:
    cursor = await owner.execute(
        "select pg_get_constraintdef(oid) from pg_constraint where contypid = 'schedule_overlap'::regtype"
    )
    [(check,)] = await cursor.fetchall()
    assert re.findall(r"'(\w+)'", check) == [member.value for member in Overlap]
