"""An embedded PostgreSQL: our own launcher over the programs of a wheel, or of the folder POSTGRES_BIN names.

Owns one cluster: its files, its port, its superuser's password. Invariants: nobody else on the machine gets
in (TCP on loopback asks for the password, the socket folder is ours alone), the server dies with us, and a
cluster that exists is complete: initdb works aside and the result is renamed.

A folder that the user names keeps `cluster/`, `password` and `postgres.log` between starts; without one,
everything is temporary. Ready means what pg_ctl means by it: the server has written "ready" into its pid
file. Runs on PostgreSQL 15 to 18. Called by the development command, the demo, tests and benchmarks.
"""

import secrets
import shutil
import signal
from pathlib import Path
from typing import Self

from service.dev.embedded import EmbeddedServer
from service.dev.postgres_programs import find_programs, server_account, within_reach
from service.dev.process import Account, LauncherError, run_to_end

MAX_CONNECTIONS = 200
_SHORT_LOG = {"max_wal_size": "128MB", "min_wal_size": "32MB"}
_PID_LINE, _STATUS_LINE = 0, 7


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL of our own, its cluster in `data_dir` or temporary.

    `durable=False` turns fsync off: quicker, and a commit still survives `kill`, though not a power cut.
    `in_memory=True` keeps a temporary cluster in memory where the machine has room for it.
    `bin` is the folder of tools such as pg_dump and pgbench.
    """

    _name = "postgres"
    _stopped_by = signal.SIGINT
    _dropped_by = signal.SIGQUIT

    def __init__(self, data_dir: Path | None = None, *, durable: bool = True, in_memory: bool = False) -> None:
        super().__init__(data_dir, in_memory=in_memory)
        self._durable = durable
        self._password: str | None = None
        self._account = server_account()
        self.bin = find_programs()

    @property
    def dsn(self) -> str:
        """The superuser's connection string for the database `postgres`, over TCP."""
        if self._password is None:
            raise LauncherError("this postgres has not been started")
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> Self:
        """Start, on the same files and port as before; the cluster is made first where there is none."""
        scratch = self._open_scratch(self._account)
        programs = within_reach(self.bin, self._account, scratch)
        _prepare(self._data, self._account)
        if not self._cluster.exists():
            self._make_cluster(programs)
        self._password = self._password_file.read_text()
        argv = [str(programs / "postgres"), "-D", str(self._cluster), *self._settings(scratch)]
        self._run(argv, self._data / "postgres.log", self._account).wait_ready(self._ready)
        return self

    @property
    def _data(self) -> Path:
        return self._named or self._open_scratch(self._account) / "data"

    @property
    def _cluster(self) -> Path:
        return self._data / "cluster"

    @property
    def _password_file(self) -> Path:
        return self._data / "password"

    def _make_cluster(self, programs: Path) -> None:
        unfinished = self._data / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_hex(16))
        for path in (unfinished, self._password_file):
            shutil.chown(path, self._account.uid, self._account.gid)
        flags = ["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
        flags += ["--encoding=UTF8", "--locale=C", f"--pwfile={self._password_file}"]
        flags += [] if self._durable else ["--no-sync"]
        run_to_end("initdb", [str(programs / "initdb"), *flags, f"--pgdata={unfinished}"], self._account)
        unfinished.rename(self._cluster)

    def _settings(self, socket_folder: Path) -> list[str]:
        durable = "on" if self._durable else "off"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": socket_folder,
            "max_connections": MAX_CONNECTIONS,
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": durable,
            "full_page_writes": durable,
            **(_SHORT_LOG if self._in_memory else {}),
        }
        return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]

    def _ready(self) -> bool:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # A file that a killed server left behind names another process.
        ours = self._child is not None and lines[_PID_LINE : _PID_LINE + 1] == [str(self._child.pid)]
        return ours and len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"


def _prepare(data: Path, account: Account) -> None:
    """Make the data folder, or take an empty one over; refuse one that the server could not reach."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(data.iterdir()):
            shutil.chown(data, account.uid, account.gid)
    except OSError as error:
        raise LauncherError(f"cannot use {data} for PostgreSQL: {error.strerror}") from None
    if not account.reaches(data):
        raise LauncherError(f"PostgreSQL runs as {account.name}, who cannot reach {data}; name another folder")
