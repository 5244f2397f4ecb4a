"""How tasks look."""

from typing import Any

from service.console import show
from service.console.show import Column


def tasks(found: Any, offset: int) -> None:
    show.table(
        (
            Column("id", lambda each: each.id, keep=True),
            Column("state", lambda each: show.word(each, "state"), keep=True),
            Column("title", lambda each: each.title),
            Column("for", _for_whom),
            Column("claimed by", lambda each: each.claimed_by),
            Column("due", lambda each: show.age(each, "due_at")),
            Column("opened", lambda each: show.age(each, "opened_at")),
        ),
        found.tasks,
        "no tasks",
    )
    show.more(len(found.tasks), offset, found.total)


def task(found: Any) -> None:
    show.page(
        (
            ("task", found.id),
            ("state", show.word(found, "state")),
            ("title", found.title),
            ("instructions", found.instructions),
            ("for", _for_whom(found)),
            ("claimed by", found.claimed_by),
            ("completed by", found.completed_by),
            ("run", found.run_id),
            ("step", f"{found.step_id}, attempt {found.attempt}"),
            ("definition", found.definition_id),
            ("workspace", found.workspace_id),
            ("opened", show.when(found, "opened_at")),
            ("due", show.when(found, "due_at")),
            ("closed", show.when(found, "closed_at")),
            ("version", str(found.version)),
            ("form", show.payload(found, "form_schema")),
        )
    )
    for each in found.comments:
        show.line(f"\n{show.when(each, 'at')} {each.author}", "dim")
        show.line(each.text)


def changed(found: Any) -> None:
    whose = f" by {found.claimed_by}" if found.claimed_by else ""
    show.line(f"{found.id} {show.word(found, 'state')}{whose}, version {found.version}")


def _for_whom(found: Any) -> str:
    return ", ".join(filter(None, (found.assignee, found.group and f"group {found.group}")))
