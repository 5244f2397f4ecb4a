"""How runs look: lists, one run, what it waits for, what happened to it."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any, TypeAlias

from service.console import show
from service.console.show import Column

Names: TypeAlias = dict[str, str]
"""Of definitions, by their ids."""

_RUN = (
    Column("id", lambda each: each.id, keep=True),
    Column("state", lambda each: show.word(each, "state"), keep=True),
    Column("started", lambda each: show.age(each, "started_at")),
    Column("took", lambda each: show.took(each, "started_at", "completed_at"), right=True),
    Column("entity", lambda each: each.entity_id),
    Column("cost", lambda each: show.cost(each.total_cost_usd), right=True),
    Column("version", lambda each: str(each.definition_version), right=True),
)


def _definition(names: Names) -> Column:
    return Column("definition", lambda each: names.get(each.definition_id, each.definition_id))


def runs(found: Any, offset: int, names: Names) -> None:
    show.table((*_RUN, _definition(names)), found.runs, "no runs")
    show.more(len(found.runs), offset, found.total)


def found(answer: Any, names: Names) -> None:
    of_run = [_of_found(column) for column in (*_RUN, _definition(names))]
    columns = (
        *of_run[:3],
        Column("waits at", lambda each: ", ".join(each.open_step_ids)),
        Column("failure", lambda each: each.failure_reason),
        *of_run[3:],
    )
    show.table(columns, answer.runs, "no runs")
    if answer.next_page_token:
        show.say(f"there are more: --page {answer.next_page_token}")


def _of_found(column: Column) -> Column:
    return column._replace(cell=lambda each: column.cell(each.run))


def started(run: Any) -> None:
    """Its id alone, for `RUN=$(workflows runs start ...)`; that it has failed already is said beside the answer."""
    show.line(run.id)
    if show.word(run, "state") == "FAILED":
        show.say("workflows: the run has FAILED already", "  `workflows runs show` says why")


def controlled(run: Any) -> None:
    show.line(f"{run.id} {show.word(run, 'state')}")


def reported(found: Any) -> None:
    step = f"{found.step.step_id} {show.word(found.step, 'state')}"
    show.line(f"{found.run.id} {show.word(found.run, 'state')}: {step}")


def run(run: Any, payloads: bool, left_out: str, names: Names) -> None:
    texts = {name: show.payload(run, f"{name}_payload") for name in ("input", "output") if payloads}
    show.page((*_named(run, names), *texts.items(), ("left out", left_out)))
    show.heading("Steps")
    show.table(_STEPS, run.steps, "no steps")
    for step in run.steps if payloads else ():
        _payloads(step)


def _named(run: Any, names: Names) -> Iterator[tuple[str, str]]:
    yield "run", run.id
    yield "state", show.word(run, "state")
    yield "definition", " ".join(filter(None, (names.get(run.definition_id), run.definition_id)))
    yield "version", str(run.definition_version)
    yield "workspace", run.workspace_id
    yield "entity", " ".join(filter(None, (run.entity_type, run.entity_id)))
    yield "trigger", " ".join(filter(None, (show.word(run, "trigger_type").lower(), run.trigger_event_id)))
    yield "started by", run.initiator_user_id or run.initiator_agent_id
    yield "parent", run.parent_run_id
    yield "started", show.when(run, "started_at")
    yield "ended", show.when(run, "completed_at")
    yield "took", show.took(run, "started_at", "completed_at")
    yield "cost", show.cost(run.total_cost_usd)


def preview(found: Any) -> None:
    steps = [(number, each) for number, level in enumerate(found.levels, 1) for each in level.steps]
    show.table(
        (
            Column("turn", lambda each: str(each[0]), right=True),
            Column("step", lambda each: each[1].step_id, keep=True),
            Column("state", lambda each: show.word(each[1], "state")),
            Column("undone by", lambda each: each[1].compensation_step_id or ", ".join(each[1].child_run_ids)),
            Column("tried before", lambda each: "yes" if each[1].attempted_before else ""),
        ),
        steps,
        "nothing is left to undo",
    )


def explanation(found: Any) -> None:
    show.page(
        (
            ("run", found.run_id),
            ("state", show.word(found, "state") + (", nothing is in flight" if found.drained else "")),
            ("summary", found.summary),
            ("ends by", show.when(found, "deadline_at")),
            *(("paused", _pause(pause)) for pause in found.pauses),
        )
    )
    if found.steps:
        show.heading("Waiting")
        show.table(_WAITS, [(step, wait) for step in found.steps for wait in step.waits], "nothing is waited for")
    if found.owed:
        show.heading("Calls that do not get through")
        show.table(_OWED, found.owed, "none")


def _pause(pause: Any) -> str:
    reason = f": {pause.reason}" if pause.reason else ""
    return f"{show.when(pause, 'at')} by {pause.by or pause.source}{reason}"


def history(found: Any, limit: int) -> None:
    show.table(_EVENTS, found.events, "nothing happened")
    if len(found.events) == limit:
        show.say(f"there may be more: --after {found.events[-1].sequence}")
    if found.audits:
        show.heading("Reports that changed nothing")
        show.table(_AUDITS, found.audits, "none")
        if len(found.audits) == limit:
            show.say(f"there may be more: --audits-after {found.audits[-1].id}")


def change(event: Any) -> str:
    """One line."""
    moment = event.recorded_at.ToDatetime(UTC).astimezone()
    what = " ".join(filter(None, (event.aggregate, event.step_id, event.operation)))
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}  {event.sequence:>4}  {what}  {event.actor}"


_STEPS = (
    Column("id", lambda each: each.step_id, keep=True),
    Column("state", lambda each: show.word(each, "state"), keep=True),
    Column("type", lambda each: show.word(each, "step_type").lower()),
    Column("took", lambda each: show.took(each, "started_at", "completed_at"), right=True),
    Column("retries", lambda each: str(each.retry_count or ""), right=True),
    Column("cost", lambda each: show.cost(each.cost_usd), right=True),
    Column("by", lambda each: _by_whom(each)),
    Column("error", lambda each: each.error_message),
)
_WAITS = (
    Column("step", lambda each: each[0].step_id, keep=True),
    Column("state", lambda each: show.word(each[0], "state"), keep=True),
    Column("waits for", lambda each: each[1].what),
    Column("until", lambda each: show.age(each[1], "until")),
    Column("unblocked by", lambda each: each[1].unblock),
    Column("since", lambda each: show.age(each[0], "since")),
)
_OWED = (
    Column("step", lambda each: each.step_id or "the run", keep=True),
    Column("call", lambda each: each.kind),
    Column("tries", lambda each: str(each.tries), right=True),
    Column("due", lambda each: show.age(each, "due_at")),
    Column("last error", lambda each: each.last_error),
)
_EVENTS = (
    Column("#", lambda each: str(each.sequence), right=True),
    Column("when", lambda each: show.when(each, "recorded_at")),
    Column("what", lambda each: f"{each.aggregate} {each.operation}"),
    Column("step", lambda each: each.step_id),
    Column("who", lambda each: each.actor),
    Column("cause", lambda each: each.cause),
    Column("published", lambda each: "yes" if each.HasField("published_at") else "not yet"),
)
_AUDITS = (
    Column("#", lambda each: str(each.id), right=True),
    Column("when", lambda each: show.when(each, "at")),
    Column("step", lambda each: each.step_id),
    Column("report", lambda each: each.command),
    Column("reason", lambda each: each.reason),
    Column("message", lambda each: each.message),
    Column("who", lambda each: each.actor),
)


def _by_whom(step: Any) -> str:
    """The id under which somebody else knows the step's work."""
    known = (step.objective_id, step.approval_request_id, step.notification_id, step.event_id, step.governance_decision)
    return next(filter(None, known), "")


def _payloads(step: Any) -> None:
    for name in ("input_payload", "output_payload"):
        if step.HasField(name):
            show.line(f"\n{step.step_id} {name.removesuffix('_payload')}", "bold")
            show.line(show.payload(step, name))
