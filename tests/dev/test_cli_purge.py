"""`workflows purge`: what it takes, what it says, and what it does not understand."""

import json
from collections import Counter

import psycopg
import pytest

from service.cli.direct_purge import seconds_of, states_of, told
from service.domain.retention import ENDED, Obstacle, RetentionPolicy
from service.domain.state import RunState
from service.engine.purging import Purged
from service.store.pool import Pool
from service.store.retention import RetentionBook
from service.store.runs import Runs
from tests.dev.test_cli import NOWHERE, cold, refused
from tests.store.purgeable import DAY, ended, there
from tests.warm import workflows

Owner = psycopg.AsyncConnection[tuple[object, ...]]


async def test_a_purge_by_age_says_first_and_does_then(database: str, runs: Runs, owner: Owner) -> None:
    old, young = await ended(runs, owner), await ended(runs, owner, 80)
    foreign = await ended(runs, owner, workspace_id="ws_2")
    await owner.execute("insert into run_holds values (%s, 'ws_2', 'a complaint', 'user:ann')", (foreign.id,))
    command = ("purge", "--older-than", "90d")
    said = "would purge 1 run of ws_1\nleft 1 old family: held\n"
    assert cold(*command, "--dry-run", DATABASE_URL=database).stdout == said
    assert await there(owner, old) == [old.id]
    for_scripts = {"dry_run": True, "purged": {"ws_1": 1}, "left": {"held": 1}, "more": False}
    assert json.loads(workflows(*command, "--dry-run", "--json", DATABASE_URL=database).stdout) == for_scripts
    assert workflows(*command, DATABASE_URL=database).stdout == said.replace("would purge", "purged")
    assert await there(owner, old, young, foreign) == [young.id, foreign.id]
    assert workflows(*command, "--workspace", "ws_1", DATABASE_URL=database).stdout == "nothing to purge\n"


async def test_a_purge_without_an_age_goes_by_the_policies(
    database: str, runs: Runs, owner: Owner, engine_pool: Pool
) -> None:
    failed, completed = await ended(runs, owner, state=RunState.FAILED), await ended(runs, owner)
    assert workflows("purge", DATABASE_URL=database).stdout == "nothing to purge\n"
    await RetentionBook(engine_pool).set_policy(
        RetentionPolicy("ws_1", RunState.COMPLETED, 120 * DAY, "user:ann"), None
    )
    said = workflows("purge", DATABASE_URL=database, RETENTION_SECONDS=str(90 * DAY)).stdout
    assert said == "purged 1 run of ws_1\n"
    assert await there(owner, failed, completed) == [completed.id]


async def test_a_purge_stops_at_its_limit_and_takes_the_states_it_was_told(
    database: str, runs: Runs, owner: Owner
) -> None:
    completed = await ended(runs, owner)
    failed = [await ended(runs, owner, 100 - number, RunState.FAILED) for number in range(3)]
    command = ("purge", "--older-than", "1w", "--state", "failed", "--limit", "2", "--batch", "1")
    said = workflows(*command, DATABASE_URL=database).stdout
    assert said == "purged 2 runs of ws_1\nstopped at the limit, there may be more\n"
    assert await there(owner, completed, *failed) == [completed.id, failed[2].id]
    cursor = await owner.execute("select runs, purged_by like 'cli:%' from purges")
    assert await cursor.fetchall() == [(1, True), (1, True)]


@pytest.mark.parametrize(
    ("args", "environment", "said"),
    [
        ((), {}, "DATABASE_URL is not set"),
        ((), {"DATABASE_URL": NOWHERE}, "database does not answer"),
        ((), {"DATABASE_URL": NOWHERE, "RETENTION_SECONDS": "soon"}, "RETENTION_SECONDS cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(args: tuple[str, ...], environment: dict[str, str], said: str) -> None:
    assert said in refused("purge", *args, **environment)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--older-than", "90"), "'90' is no age like 90d"),
        (("--state", "RUNNING"), "'RUNNING' is no state a run ends in"),
    ],
)
def test_a_value_that_cannot_be_read_has_its_own_exit_code(args: tuple[str, ...], said: str) -> None:
    found = workflows("purge", *args, DATABASE_URL=NOWHERE)
    assert (found.returncode, found.stdout) == (2, "")
    assert said in found.stderr


def test_a_schema_that_was_never_migrated_is_refused(blank_database: str) -> None:
    assert "workflows migrate up" in refused("purge", DATABASE_URL=blank_database)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43_200), (" 90d ", 90 * DAY), ("2w", 14 * DAY)]
)
def test_ages(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "1y", "90", "101000w", "٣d", "1d 2h"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="is no age"):
        seconds_of(text)


def test_states() -> None:
    assert states_of(()) == frozenset(ENDED)
    assert states_of(("failed", "FAILED", "Completed")) == {RunState.FAILED, RunState.COMPLETED}


def test_numbers_are_told_for_people() -> None:
    done = Purged(["x"], Counter({Obstacle.OWING: 2}), Counter({"ws_1": 1_234}))
    assert list(told(done, dry_run=False)) == ["purged 1,234 runs of ws_1", "left 2 old families: owing"]
