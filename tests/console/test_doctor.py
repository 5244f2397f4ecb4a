"""`workflows doctor`: green where all is well, and telling for each thing that is switched off."""

from typing import Any

import pytest

from service.dev.nats import EmbeddedNats
from service.domain.calls import SIBLINGS
from service.siblings import checks
from tests.console.shell import Desk, Ended, Shell
from tests.world import PATIENCE_SECONDS

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def doctor(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Siblings that are there answer in the end, and nobody waits for the others."""
    monkeypatch.setattr(checks, "SECONDS", PATIENCE_SECONDS)
    return Shell({**desk.environment, "WORKFLOWS_ADDRESS": desk.address})


def wrong(ended: Ended) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["area"], each["what"]): each for each in ended.json["checks"] if each["health"] != "OK"}


async def test_all_is_well_in_dev(doctor: Shell) -> None:
    ended = await doctor.done("doctor", "--json")
    assert wrong(ended) == {}
    areas = {each["area"] for each in ended.json["checks"]}
    assert areas == {"configuration", "database", "bus", "siblings", "server"}
    told = await doctor.done("doctor", "--only", "server", "--only", "database")
    assert {line.split()[0] for line in told.lines[1:]} == {"database", "server"}


@pytest.mark.parametrize(
    ("environment", "what", "health", "said"),
    [
        ({"DATABASE_URL": ""}, ("configuration", "settings"), "FAILED", "DATABASE_URL is not set"),
        ({"DATABASE_POOL": "few"}, ("configuration", "settings"), "FAILED", "DATABASE_POOL must be"),
        ({"LOG_LEVEL": "LOUD"}, ("configuration", "settings"), "FAILED", "LOG_LEVEL cannot be read"),
        ({"DATABASE_URL": ""}, ("database", "settings"), "FAILED", "DATABASE_URL is not set"),
        ({"NATS_URL": ""}, ("bus", "settings"), "FAILED", "NATS_URL is not set"),
        ({"GRPC_ADDRESS": "here"}, ("configuration", "settings"), "FAILED", "GRPC_ADDRESS cannot be read"),
        (
            {"DATABASE_URL": f"postgresql://nobody:secret@{NOWHERE}/x"},
            ("database", "connection"),
            "FAILED",
            "cannot be reached",
        ),
        ({"DATABASE_URL": "postgresql://me:secret x@y"}, ("database", "connection"), "FAILED", "its address cannot"),
        ({"NATS_URL": f"nats://{NOWHERE}"}, ("bus", "connection"), "FAILED", "cannot be reached"),
        ({"NATS_URL": "::"}, ("bus", "connection"), "FAILED", "cannot be reached"),
        (
            {"AUTH": "tokens", "IDENTITY_ADDRESS": ""},
            ("configuration", "protection"),
            "FAILED",
            "AUTH: tokens are required",
        ),
        ({"SIBLINGS_CA": "/nowhere"}, ("configuration", "protection"), "FAILED", "SIBLINGS_CA"),
        (
            {"GRPC_ADDRESS": "0.0.0.0:0", "INSECURE": "yes"},
            ("configuration", "protection"),
            "WARNING",
            "open mode: no tokens are asked for",
        ),
        (
            {"DATABASE_READER_URL": f"postgresql://nobody@{NOWHERE}/x"},
            ("database", "connection"),
            "FAILED",
            "cannot be reached",
        ),
        ({"NATS_STREAM": "others"}, ("bus", "stream others"), "WARNING", "is not there yet"),
        ({"NATS_STREAM": "SIPHON"}, ("bus", "stream SIPHON"), "FAILED", "does not take workflows.changes.>"),
        ({"NATS_LISTEN": "gone=gone.>"}, ("bus", "stream gone"), "WARNING", "is not there"),
        ({"WORKFLOWS_ADDRESS": NOWHERE}, ("server", "connection"), "FAILED", "no answer from 127.0.0.1:1"),
        *(
            ({f"{name.upper()}_ADDRESS": NOWHERE}, ("siblings", name), "FAILED", f"no answer from {NOWHERE}")
            for name in SIBLINGS
        ),
        ({"METER_ADDRESS": ""}, ("siblings", "meter"), "WARNING", "is not configured"),
    ],
)
async def test_what_is_switched_off_is_told(
    doctor: Shell, environment: dict[str, str], what: tuple[str, str], health: str, said: str
) -> None:
    ended = await doctor("doctor", "--json", "--only", what[0], **environment)
    found = wrong(ended)
    assert list(found) == [what]
    assert found[what]["health"] == health
    assert said in found[what]["found"]
    assert found[what]["advice"]
    assert ended.code == (1 if health == "FAILED" else 0)
    assert "secret" not in ended.out + ended.err


async def test_a_sibling_whose_address_cannot_be_read_is_not_just_left_out(doctor: Shell) -> None:
    ended = await doctor("doctor", "--json", "--only", "siblings", AGENTS_ADDRESS="here", LOG_LEVEL="LOUD")
    found = wrong(ended)
    assert (ended.code, list(found)) == (1, [("siblings", "settings"), ("siblings", "agents")])
    assert "AGENTS_ADDRESS cannot be read" in found["siblings", "settings"]["found"]


async def test_a_database_that_refuses_us_is_quoted(doctor: Shell, desk: Desk) -> None:
    from psycopg.conninfo import make_conninfo

    gone = make_conninfo(desk.environment["DATABASE_URL"], dbname="gone")
    found = wrong(await doctor("doctor", "--json", "--only", "database", DATABASE_URL=gone))
    assert found["database", "connection"]["found"] == 'refuses us: database "gone" does not exist'


async def test_a_database_that_was_never_migrated(doctor: Shell, blank_database: str) -> None:
    found = wrong(await doctor("doctor", "--json", "--only", "database", DATABASE_URL=blank_database))
    assert "workflows migrate up" in found["database", "schema"]["advice"]


async def test_a_user_without_the_roles(doctor: Shell, desk: Desk) -> None:
    import psycopg
    from psycopg.conninfo import make_conninfo

    dsn = desk.environment["DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        await owner.execute("create role stranger login password 'x'")
    try:
        strange = make_conninfo(dsn, user="stranger", password="x")
        found = wrong(await doctor("doctor", "--json", "--only", "database", DATABASE_URL=strange))
    finally:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
            await owner.execute("drop role stranger")
    assert "permission denied" in found["database", "role workflows_engine"]["found"]
    assert "grant workflows_reader to stranger" in found["database", "role workflows_reader"]["advice"]


async def test_clocks_that_are_apart(desk: Desk) -> None:
    from datetime import UTC, datetime, timedelta

    from service.domain.checkup import CheckResult
    from service.store.checks import check

    async def looked(seconds: float) -> CheckResult:
        found = await check(
            desk.environment["DATABASE_URL"], now=lambda: datetime.now(UTC) + timedelta(seconds=seconds)
        )
        return next(each.health for each in found if each.what == "clock")

    assert [await looked(seconds) for seconds in (0, -5, 3600)] == [
        CheckResult.OK,
        CheckResult.WARNING,
        CheckResult.FAILED,
    ]


async def test_a_bus_without_jetstream_and_an_odd_stream(doctor: Shell) -> None:
    import nats

    with EmbeddedNats() as bus:
        async with await nats.connect(bus.url) as client:
            await client.jetstream().add_stream(
                name="workflows_changes", subjects=["workflows.changes.>"], storage="memory", duplicate_window=5
            )
        found = wrong(await doctor("doctor", "--json", "--only", "bus", NATS_URL=bus.url, NATS_LISTEN="a=a.>"))
    odd = found["bus", "stream workflows_changes"]
    assert odd["health"] == "WARNING"
    assert "kept in memory" in odd["found"]
    assert "less than two minutes" in odd["found"]
