"""How schedules look."""

from datetime import UTC, datetime
from typing import Any

from service.console import moments, show
from service.console.show import Column


def schedules(found: Any, offset: int) -> None:
    show.table(
        (
            Column("definition", lambda each: each.definition_id, keep=True),
            Column("cron", lambda each: each.cron_expr, keep=True),
            Column("timezone", lambda each: each.timezone),
            Column("next", lambda each: "PAUSED" if each.HasField("paused_at") else show.age(each, "next_at")),
            Column("last", lambda each: show.age(each, "last_tick_at")),
            Column("missed", lambda each: str(each.missed or ""), right=True),
            Column("skipped", lambda each: str(each.skipped or ""), right=True),
        ),
        found.schedules,
        "no schedules",
    )
    show.more(len(found.schedules), offset, found.total)


def schedule(found: Any) -> None:
    paused = show.when(found, "paused_at")
    show.page(
        (
            ("definition", found.definition_id),
            ("workspace", found.workspace_id),
            ("cron", f"{found.cron_expr} ({found.timezone})"),
            (
                "paused",
                " ".join(filter(None, (paused, found.paused_by and f"by {found.paused_by}", found.pause_reason))),
            ),
            ("next", show.when(found, "next_at")),
            ("due", show.when(found, "due_at")),
            ("buffered", show.when(found, "buffered_at")),
            ("last", show.when(found, "last_tick_at")),
            ("last run", found.last_run_id),
            ("overlap", show.word(found, "overlap").lower()),
            ("catch up", moments.duration(found.catch_up_seconds) if found.catch_up_seconds else "never"),
            ("jitter", moments.duration(found.jitter_seconds) if found.jitter_seconds else "none"),
            ("missed", str(found.missed)),
            ("skipped", str(found.skipped)),
            ("version", str(found.version)),
        )
    )


def upcoming(found: Any) -> None:
    for tick in found.ticks:
        show.line(moments.written(tick.ToDatetime(UTC), datetime.now(UTC)))


def backfilled(found: Any) -> None:
    ticked = [(each, "started") for each in found.started] + [(each, "had its run") for each in found.already_run]
    show.table(
        (
            Column("tick", lambda each: show.when(each[0], "tick"), keep=True),
            Column("run", lambda each: each[0].run_id, keep=True),
            Column("outcome", lambda each: each[1]),
        ),
        ticked,
        "no ticks in that time",
    )
