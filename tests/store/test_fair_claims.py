"""A flood of due effects in one workspace keeps no other waiting, and nothing that stops work waits in it."""

from collections import Counter
from typing import Any

import psycopg

from service.domain.calls import STOPS
from service.engine.ports.work import Work
from service.store.work import WorkQueue
from tests.store.decisions import LEASE

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
LIMIT = 100


async def owe(
    owner: Owner, workspace: str, count: int, seconds_ago: float = 60.0, kind: str = "CreateObjective"
) -> None:
    """So many effects of a workspace, the first due so long ago and the others right after it."""
    await owner.execute(
        "insert into run_effects"
        " (run_id, effect_id, step_id, attempt, kind, request, workspace_id, lease_token, due_at)"
        " select %(workspace)s || n, %(kind)s, 'a', 1, %(kind)s, '', %(workspace)s, 0,"
        "        now() - %(ago)s * interval '1 second' + n * interval '1 microsecond'"
        "   from generate_series(1, %(count)s) n",
        {"workspace": workspace, "kind": kind, "ago": seconds_ago, "count": count},
    )


def by_workspace(work: list[Work]) -> Counter[str]:
    return Counter(item.workspace_id for item in work)


async def test_one_effect_is_found_behind_ten_thousand_of_another_workspace(owner: Owner, work: WorkQueue) -> None:
    await owe(owner, "ws_flood", 10_000)
    await owe(owner, "ws_small", 1, seconds_ago=1)
    claims = [by_workspace(await work.claim_effects(LIMIT, LEASE)) for _ in range(3)]
    assert [claim.total() for claim in claims] == [LIMIT] * 3
    assert sum(claims, Counter())["ws_small"] == 1


async def test_workspaces_with_much_to_do_have_equal_shares(owner: Owner, work: WorkQueue) -> None:
    for age, workspace in enumerate(("ws_new", "ws_old", "ws_older")):
        await owe(owner, workspace, 500, seconds_ago=10 + age)
    assert by_workspace(await work.claim_effects(90, LEASE)) == {"ws_older": 90}
    assert by_workspace(await work.claim_effects(90, LEASE)) == {"ws_older": 30, "ws_old": 30, "ws_new": 30}


async def test_what_the_others_leave_goes_to_the_longest_due(owner: Owner, work: WorkQueue) -> None:
    await owe(owner, "ws_flood", 250)
    await owe(owner, "ws_small", 3, seconds_ago=1)
    claims = [await work.claim_effects(LIMIT, LEASE) for _ in range(4)]
    assert [dict(by_workspace(claim)) for claim in claims] == [
        {"ws_flood": 100},
        {"ws_flood": 97, "ws_small": 3},
        {"ws_flood": 53},
        {},
    ]
    assert len({item.run_id for claim in claims for item in claim}) == 253


async def test_every_workspace_has_its_turn_where_there_are_more_than_a_claim_takes(
    owner: Owner, work: WorkQueue
) -> None:
    await owe(owner, "ws_flood", 200)
    for number in range(12):
        await owe(owner, f"ws_{number:02}", 5, seconds_ago=1)
    await work.claim_effects(4, LEASE)
    claims = [by_workspace(await work.claim_effects(4, LEASE)) for _ in range(4)]
    assert [max(claim.values()) for claim in claims[:3]] == [1, 1, 1]
    assert set(sum(claims, Counter())) == {"ws_flood", *(f"ws_{number:02}" for number in range(12))}


async def test_a_walk_that_began_behind_the_last_workspace_claims_the_longest_due(
    owner: Owner, work: WorkQueue
) -> None:
    for workspace in ("ws_1", "ws_2"):
        await owe(owner, workspace, 20)
    sizes = [len(await work.claim_effects(2, LEASE)) for _ in range(5)]
    assert sizes == [2] * 5


async def test_what_is_held_or_not_yet_due_is_in_no_share(owner: Owner, work: WorkQueue) -> None:
    await owe(owner, "ws_flood", 30)
    await owe(owner, "ws_later", 5, seconds_ago=-3600)
    await owe(owner, "ws_held", 5)
    await owner.execute("update run_effects set lease_until = now() + interval '1 hour' where workspace_id = 'ws_held'")
    claims = [by_workspace(await work.claim_effects(10, LEASE)) for _ in range(4)]
    assert [dict(claim) for claim in claims] == [{"ws_flood": 10}] * 3 + [{}]


async def test_what_stops_work_is_claimed_by_itself(owner: Owner, work: WorkQueue) -> None:
    await owe(owner, "ws_flood", 1000)
    for kind in sorted(STOPS):
        await owe(owner, "ws_flood", 1, seconds_ago=1, kind=kind)
    claimed = await work.claim_stops(LIMIT, LEASE)
    assert {item.effect.kind for item in claimed} == STOPS
    assert await work.claim_stops(LIMIT, LEASE) == []


async def test_the_index_of_stops_holds_what_stops(looker: Owner) -> None:
    cursor = await looker.execute("select pg_get_indexdef('run_effects_stops'::regclass)")
    [[definition]] = await cursor.fetchall()
    assert {word for word in definition.split("'") if word.isidentifier() and word[0].isupper()} == STOPS
