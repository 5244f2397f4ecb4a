"""A PgBouncer in transaction mode in front of a PostgreSQL, over the program that PGBOUNCER names."""

import os
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from service.dev.embedded import EmbeddedServer
from service.dev.postgres_programs import server_account

INI = """
[databases]
* = host=127.0.0.1 port={database_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
"""


class PgBouncer(EmbeddedServer):
    """Two sessions of the database per login, shared by all who connect with it."""

    _name = "pgbouncer"
    _stopped_by = signal.SIGTERM
    _dropped_by = signal.SIGKILL

    def __init__(self, database_port: int, passwords: Mapping[str, str]) -> None:
        super().__init__(None)
        self._database_port = database_port
        self._passwords = passwords

    def start(self) -> Self:
        account = server_account()
        folder = self._open_scratch(account)
        ini = INI.format(database_port=self._database_port, port=self.port, folder=folder)
        users = "".join(f'"{user}" "{password}"\n' for user, password in self._passwords.items())
        for name, text in (("pgbouncer.ini", ini), ("users", users)):
            _write(folder / name, text, account.uid, account.gid)
        argv = [os.environ["PGBOUNCER"], str(folder / "pgbouncer.ini")]
        self._run(argv, folder / "pgbouncer.log", account).wait_ready(self._ready)
        return self

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/{database}"

    def _ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def _write(path: Path, text: str, uid: int, gid: int) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
    shutil.chown(path, uid, gid)
