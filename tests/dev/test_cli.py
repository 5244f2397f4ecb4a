"""The command line: what an operator gets wrong is one line and an exit code."""

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from service.config import Config, ConfigError, table
from service.dev.process import free_port
from service.store.migrate import migrations
from tests.warm import workflows

NOWHERE = "postgresql://nobody:secret@127.0.0.1:1/nothing"
NO_BUS = "nats://127.0.0.1:1"


def cold(*args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """As `workflows`, in a process that has yet to import what it needs."""
    command = [sys.executable, "-m", "service.cli", *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def last_line(ended: "subprocess.CompletedProcess[str]") -> str:
    """Of stderr; everything before it is log, and nothing is a traceback."""
    *log, last = ended.stderr.splitlines()
    assert all(line.startswith("{") for line in log), ended.stderr
    assert last.startswith("workflows: ")
    assert "secret" not in ended.stderr
    return last


def refused(*args: str, **environment: str) -> str:
    ended = workflows(*args, **environment)
    assert (ended.returncode, ended.stdout) == (1, "")
    return last_line(ended)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": NOWHERE}, "NATS_URL is not set"),
        ({"DATABASE_URL": NOWHERE, "NATS_URL": NO_BUS}, "database does not answer"),
        ({"DATABASE_URL": NOWHERE, "NATS_URL": NO_BUS, "DATABASE_POOL": "many"}, "DATABASE_POOL must be"),
        ({"DATABASE_URL": NOWHERE, "NATS_URL": NO_BUS, "LOG_LEVEL": "LOUD"}, "LOG_LEVEL cannot be read"),
        ({"DATABASE_URL": NOWHERE, "NATS_URL": NO_BUS, "GRPC_ADDRESS": "0.0.0.0:1"}, "nothing protects it"),
        ({"DATABASE_URL": NOWHERE, "NATS_URL": NO_BUS, "TLS_CERT": "/none", "TLS_KEY": "/none"}, "TLS_CERT"),
    ],
)
def test_serve_refuses_to_start_in_one_line(environment: dict[str, str], said: str) -> None:
    assert said in refused("serve", **environment)


def test_serve_refuses_a_schema_that_was_never_migrated(blank_database: str) -> None:
    assert "workflows migrate up" in refused("serve", DATABASE_URL=blank_database, NATS_URL=NO_BUS)


def test_what_the_database_has_against_us_is_said(blank_database: str) -> None:
    for other, reason in (
        ("dbname=elsewhere", "does not exist"),
        ("password=secret", "password authentication failed"),
    ):
        address = f"{blank_database} {other}"  # of two, the later counts
        for command in (("serve",), ("migrate", "up")):
            assert re.search(
                f"the database refuses us: .*{reason}", refused(*command, DATABASE_URL=address, NATS_URL=NO_BUS)
            )


def test_migrations_go_up_and_down_and_say_where_they_stand(blank_database: str) -> None:
    names = [f"{one.version:04} {one.name}" for one in migrations()]
    assert cold("migrate", "status", DATABASE_URL=blank_database).returncode == 3
    assert workflows("migrate", "verify", DATABASE_URL=blank_database).returncode == 3
    first = workflows("migrate", "up", "1", DATABASE_URL=blank_database)
    assert first.stdout.splitlines() == [f"applied {names[0]}"]
    # The owner may be another user than the one who serves.
    rest = workflows("migrate", "up", DATABASE_URL=NOWHERE, MIGRATE_DATABASE_URL=blank_database)
    assert rest.stdout.splitlines() == [f"applied {name}" for name in names[1:]]
    assert workflows("migrate", "up", DATABASE_URL=blank_database).stdout == "nothing to do\n"
    assert workflows("migrate", "status", DATABASE_URL=blank_database).returncode == 0
    verified = workflows("migrate", "verify", DATABASE_URL=blank_database)
    assert (verified.returncode, verified.stdout) == (0, "the schema is the one of this release\n")
    unsaid = workflows("migrate", "down", "0", DATABASE_URL=blank_database)
    assert (unsaid.returncode, "--yes" in last_line(unsaid)) == (2, True)
    assert workflows("migrate", "status", DATABASE_URL=blank_database).returncode == 0
    taken = workflows("migrate", "down", "0", "--yes", DATABASE_URL=blank_database)
    assert taken.stdout.splitlines() == [f"took back {name}" for name in reversed(names)]


def test_serve_listens_anywhere_when_told_to() -> None:
    """What ends it then is the next thing that is wrong."""
    settings = {"DATABASE_URL": NOWHERE, "NATS_URL": NO_BUS, "GRPC_ADDRESS": "0.0.0.0:1"}
    assert "database does not answer" in refused("serve", "--insecure", **settings)
    assert "database does not answer" in refused("serve", **settings, INSECURE="yes")


def test_migrations_can_be_listed_and_printed_without_a_database() -> None:
    listed = workflows("migrate", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[f"{one.version:04}", one.name] for one in migrations()]
    printed = workflows("migrate", "script").stdout
    assert all(one.sha256 in printed for one in migrations())


@pytest.mark.parametrize(
    ("environment", "said"),
    [({}, "DATABASE_URL is not set"), ({"DATABASE_URL": NOWHERE}, "database does not answer")],
)
def test_migrate_needs_a_database(environment: dict[str, str], said: str) -> None:
    assert said in refused("migrate", "up", **environment)


def test_the_settings_are_listed() -> None:
    rows = workflows("config", "--markdown").stdout.splitlines()
    assert [row.split("`")[1] for row in rows[2:]] == [name for name, _, _ in table()]


@pytest.mark.parametrize("where", ["before", "after"])
def test_scripts_get_json_of_what_asks_no_server(where: str) -> None:
    def told(*words: str) -> Any:
        return json.loads(workflows(*(("--json", *words) if where == "before" else (*words, "--json"))).stdout)

    settings = told("config")["settings"]
    assert [(each["name"], each["default"], each["meaning"]) for each in settings] == table()
    assert {"workflows_ready": "gauge"}.items() <= {
        each["name"]: each["kind"] for each in told("config", "--metrics")["metrics"]
    }.items()
    assert "workflows migrate up" in {each["command"] for each in told("commands")["commands"]}
    known = [{"version": one.version, "name": one.name, "sha256": one.sha256} for one in migrations()]
    assert told("migrate", "list") == {"migrations": known}


def test_scripts_get_json_of_migrations(blank_database: str) -> None:
    def told(*words: str, code: int = 0) -> Any:
        ended = workflows("migrate", *words, "--json", DATABASE_URL=blank_database)
        assert ended.returncode == code
        return json.loads(ended.stdout or ended.stderr)

    [first, *others] = [{"version": one.version, "name": one.name} for one in migrations()]
    assert told("up", "1") == {"applied": [first]}
    seen, *pending = told("status", code=3)["migrations"]
    assert (seen["name"], seen["edited"]) == (first["name"], False)
    assert datetime.fromisoformat(seen["applied_at"]).tzinfo
    assert {each["applied_at"] for each in pending} == {None}
    assert told("verify", code=3)["error"]["exit_code"] == 3
    assert told("up") == {"applied": others}
    assert told("up") == {"applied": []}
    assert told("verify") == {"current": True}
    assert told("down", "0", "--yes") == {"took_back": [*reversed(others), first]}


def test_scripts_get_json_of_what_went_wrong() -> None:
    ended = workflows("--json", "migrate", "up", DATABASE_URL=NOWHERE)
    error = json.loads(ended.stderr)["error"]
    assert (ended.returncode, ended.stdout, error["exit_code"]) == (1, "", 1)
    assert "database does not answer" in error["message"]


@pytest.mark.parametrize("told", ["{", '{"wrok": {}}', None])
def test_dev_refuses_what_is_no_script(tmp_path: Path, told: str | None) -> None:
    script = tmp_path / "script.json"
    if told is not None:
        script.write_text(told)
    ended = workflows("dev", "--script", str(script))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert last_line(ended).startswith(f"workflows: {script}")


def test_dev_says_when_an_address_is_taken() -> None:
    address = f"127.0.0.1:{free_port()}"
    ended = workflows("dev", "--grpc", address, "--http", address)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert address in ended.stderr.splitlines()[-1], ended.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GRPC_ADDRESS", "everywhere"),
        ("OBJECTIVES_ADDRESS", ":::"),
        ("NATS_LISTEN", "x"),
        ("DATABASE_POOL", "few"),
        ("ENTITIES_REQUIRED", "true"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(setting: str, value: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        Config.read({"DATABASE_URL": "x", "NATS_URL": "y", setting: value})


@pytest.mark.parametrize(
    ("said", "meant"), [({}, False), ({"ENTITIES_REQUIRED": "no"}, False), ({"ENTITIES_REQUIRED": "yes"}, True)]
)
def test_yes_and_no(said: dict[str, str], meant: bool) -> None:
    assert Config.read({"DATABASE_URL": "x", "NATS_URL": "y", **said}).entities_required is meant


def test_the_metrics_are_listed_without_a_configuration() -> None:
    listed = cold("config", "--metrics")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "| `workflows_ready` | gauge |  | " in listed.stdout
