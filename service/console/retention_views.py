"""How policies, holds and what was purged look."""

from typing import Any

from service.console import moments, show
from service.console.show import Column
from service.domain.workspaces import EVERY_WORKSPACE


def policies(found: Any) -> None:
    show.table(
        (
            Column("workspace", lambda each: _whose(each), keep=True),
            Column("state", lambda each: show.word(each, "state") or "any", keep=True),
            Column("kept", lambda each: _kept(each.keep_seconds), keep=True),
            Column("set by", lambda each: each.set_by),
            Column("set", lambda each: show.age(each, "set_at")),
        ),
        found.policies,
        "no policies",
    )
    show.line(f"what no policy speaks of is kept {_kept(found.default_keep_seconds)}")


def policy(found: Any) -> None:
    state = show.word(found, "state") or "any"
    show.line(f"{_whose(found)}, {state}: kept {_kept(found.keep_seconds)}")


def hold(found: Any) -> None:
    show.line(f"{found.run_id} is held: {found.reason}")


def holds(found: Any, offset: int) -> None:
    show.table(
        (
            Column("run", lambda each: each.run_id, keep=True),
            Column("reason", lambda each: each.reason),
            Column("held by", lambda each: each.held_by),
            Column("held", lambda each: show.age(each, "held_at")),
            Column("workspace", lambda each: each.workspace_id),
        ),
        found.holds,
        "no runs are held",
    )
    show.more(len(found.holds), offset, found.total)


def purged(found: Any, dry_run: bool) -> None:
    show.line(f"{found.count} run{'s' * (found.count != 1)} {'would go' if dry_run else 'purged'}")
    for each in found.left:
        show.line(f"{each.count} old famil{'y stays' if each.count == 1 else 'ies stay'}: {each.reason}")
    if found.more:
        show.say("the limit was reached, there may be more")


def purges(found: Any, offset: int) -> None:
    show.table(
        (
            Column("purged", lambda each: show.when(each, "purged_at"), keep=True),
            Column("runs", lambda each: f"{each.runs:,}", keep=True, right=True),
            Column("by", lambda each: each.purged_by),
            Column("what was to go", lambda each: ", ".join(map(_cut, each.cuts))),
            Column("workspace", lambda each: each.workspace_id),
        ),
        found.purges,
        "nothing was purged",
    )
    show.more(len(found.purges), offset, found.total)


def _cut(each: Any) -> str:
    aged = each.HasField("older_than_seconds")
    how = f"over {moments.duration(each.older_than_seconds)}" if aged else f"before {show.when(each, 'before')}"
    return f"{show.word(each, 'state')} {how}"


def _whose(found: Any) -> str:
    return "everyone" if found.workspace_id == EVERY_WORKSPACE else str(found.workspace_id)


def _kept(seconds: int) -> str:
    return moments.duration(seconds) if seconds else "for ever"
