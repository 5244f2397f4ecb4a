"""A purge straight on the database, past the server, for a cron job or a person at a shell.

With an age it takes what is older, else what the policies of the database, and RETENTION_SECONDS beside them, let go.
Whatever must stay stays here too: the database says so, not the caller. Called by `purging`.
"""

import getpass
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from service.console import moments
from service.domain.retention import ENDED, MOST_SECONDS, Cut, RetentionPolicy, keeps
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.engine.purging import Purged, PurgeWish, purge_now
from service.store.migrate import Migrator
from service.store.pool import ENGINE, Pool
from service.store.purging import Purges


def seconds_of(text: str) -> int:
    """`90d`, `12h` or the like as seconds. Raises ValueError."""
    seconds = moments.span(text.strip())
    if seconds is None or seconds > MOST_SECONDS:
        raise ValueError(f"{text!r} is no age like 90d: a number and s, m, h, d or w, at most a hundred years")
    return seconds


def states_of(names: Sequence[str]) -> frozenset[RunState]:
    """Of no names all in which a run ends. Raises ValueError."""
    unknown = [name for name in names if name.upper() not in ENDED]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no state a run ends in: {', '.join(ENDED)}")
    return frozenset(RunState(name.upper()) for name in names) or frozenset(ENDED)


async def purge(
    dsn: str,
    workspace: str | None,
    states: frozenset[RunState],
    older_than: int | None,
    default_seconds: int,
    how: Callable[..., PurgeWish],
) -> Purged:
    """`how` makes what is wanted of the workspace, its cuts and who asks. Raises SchemaMismatch, StoreUnavailable."""
    await Migrator(dsn).check_current()
    pool = Pool(dsn, ENGINE, 1)
    try:
        await pool.open()
        store = Purges(pool)
        policies = await store.policies() if older_than is None else ()
        cuts = partial(_cuts, states, older_than, policies, default_seconds)
        return await purge_now(store, how(workspace or EVERY_WORKSPACE, cuts, f"cli:{_user()}"))
    finally:
        await pool.close()


def told(done: Purged, *, dry_run: bool) -> Iterator[str]:
    """Lines for people."""
    verb = "would purge" if dry_run else "purged"
    for workspace, count in done.by_workspace.items():
        yield f"{verb} {count:,} run{'s' * (count != 1)} of {workspace}"
    if not done.runs:
        yield "nothing to purge"
    for why, count in sorted(done.left.items()):
        yield f"left {count:,} old famil{'y' if count == 1 else 'ies'}: {why}"
    if done.more:
        yield "stopped at the limit, there may be more"


def as_json(done: Purged, *, dry_run: bool) -> Mapping[str, object]:
    """The same for scripts."""
    return {"dry_run": dry_run, "purged": done.by_workspace, "left": done.left, "more": done.more}


def _cuts(
    states: frozenset[RunState],
    older_than: int | None,
    policies: Sequence[RetentionPolicy],
    default: int,
    workspace: str,
) -> Mapping[RunState, Cut]:
    if older_than is not None:
        return dict.fromkeys(states, older_than)
    return {state: keep for state, keep in keeps(policies, default, workspace).items() if state in states}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
