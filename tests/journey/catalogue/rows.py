"""The catalogue of bad requests: what is sent, and the status, reason and field that come back.

A request is JSON as grpcurl takes it, in which `$NAME` stands for something of the scene (see `scene`). Every row is
one way to be wrong; what is wrong everywhere (bytes that are no message, NUL in a text) the test makes from the
contracts.
"""

from dataclasses import dataclass
from typing import Any

V1, TASKS, RUNS = "workflows.v1.WorkflowService", "workflows.ops.v1.HumanTaskService", "workflows.ops.v1.RunService"
DEFINITIONS, SCHEDULES = "workflows.ops.v1.DefinitionService", "workflows.ops.v1.ScheduleService"
EVENTS, RETENTION = "workflows.ops.v1.EventService", "workflows.ops.v1.RetentionService"

IA, NF, FP, AE = "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "ALREADY_EXISTS"


@dataclass(frozen=True)
class Row:
    method: str
    request: dict[str, Any]
    code: str
    reason: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.method.rpartition('/')[2]} {self.reason} {self.field}".strip()


def rows(method: str, *cases: tuple[Any, ...]) -> list[Row]:
    return [Row(method, *case) for case in cases]


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {"x": 1}
    for _ in range(levels):
        found = {"x": found}
    return found


def task(step_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "step_type": "STEP_TYPE_HUMAN_TASK", **fields}


def branch(condition: str) -> dict[str, Any]:
    """A version with this condition on an edge."""
    return version(
        [{"id": "b", "step_type": "STEP_TYPE_BRANCH"}, task("x"), task("y")],
        [{"from_step_id": "b", "to_step_id": "x", "condition_expr": condition}, joins("b", "y")],
    )


def joins(source: str, target: str, **fields: Any) -> dict[str, Any]:
    return {"from_step_id": source, "to_step_id": target, **fields}


def version(steps: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    return {"definition_id": "$DEFINITION", "steps": steps, "edges": edges or [], **fields}


def triggered(**trigger: Any) -> dict[str, Any]:
    return version([task()], trigger=trigger)


def started(**fields: Any) -> dict[str, Any]:
    return {"definition_id": "$DEFINITION", **fields}


def reported(**fields: Any) -> dict[str, Any]:
    return {"run_id": "$RUN", "step_id": "sign", "state": "STEP_RUN_STATE_COMPLETED", **fields}


def controlled(**fields: Any) -> dict[str, Any]:
    return {"filter": {"definition_id": "$DEFINITION"}, "control": "RUN_CONTROL_PAUSE", **fields}


BLANK, LONG_ID, LONG_NAME, NUL = "  ", "x" * 129, "x" * 201, "a\0b"

DEFINING = [
    *rows(
        f"{V1}/CreateDefinition",
        ({"name": "a"}, IA, "required", "workspace_id"),
        ({"workspace_id": "ws_acme"}, IA, "required", "name"),
        ({"workspace_id": "ws_acme", "name": BLANK}, IA, "required", "name"),
        ({"workspace_id": "ws_acme", "name": LONG_NAME}, IA, "too_long", "name"),
        ({"workspace_id": LONG_ID, "name": "a"}, IA, "too_long", "workspace_id"),
        ({"workspace_id": "ws_acme", "name": "a", "tags": ["t"] * 65}, IA, "too_many", "tags"),
        ({"workspace_id": "ws_acme", "name": "a", "tags": ["ok", "t" * 65]}, IA, "too_long", "tags[1]"),
        ({"workspace_id": "ws_acme", "name": "a", "tags": [""]}, IA, "blank", "tags[0]"),
        ({"workspace_id": "ws_acme", "name": "a", "tags": [NUL]}, IA, "nul_character", "tags"),
        ({"workspace_id": "ws_acme", "name": "a", "tags": ["a\nb"]}, IA, "control_character", "tags[0]"),
        ({"workspace_id": "ws_acme", "name": "$NAME"}, AE, "definition_exists"),
    ),
    *rows(
        f"{V1}/PublishVersion",
        ({"definition_id": "$DEFINITION"}, IA, "no_steps", "steps"),
        (version([task()], definition_id="wf_unknown"), NF, "definition_not_found"),
        (version([task(), task()]), IA, "duplicate_id", "steps[1].id"),
        (version([task("input")]), IA, "reserved_id", "steps[0].id"),
        (version([task("a b")]), IA, "bad_id", "steps[0].id"),
        (version([{"id": "a"}]), IA, "required", "steps[0].step_type"),
        (version([{"id": "a", "step_type": 99}]), IA, "unknown_enum_value", "steps[0].step_type"),
        (version([task(f"s{n}") for n in range(501)]), IA, "too_many_steps", "steps"),
        (version([task(), task("b")], [joins("a", "b")] * 2), IA, "duplicate_edge", "edges[1]"),
        (version([task()], [joins("a", "a")]), IA, "self_edge"),
        (version([task()], [joins("a", "z")]), IA, "unknown_step", "edges[0].to_step_id"),
        (version([task(), task("b")], [joins("a", "b"), joins("b", "a")]), IA, "cycle"),
        (version([task(timeout_seconds=-1)]), IA, "negative_timeout", "steps[0].timeout_seconds"),
        (version([task(config={"colour": "red"})]), IA, "unknown_config", "steps[0].config.colour"),
        (version([task(config={"title": 5})]), IA, "bad_config", "steps[0].config.title"),
        (version([task(config={"form_schema": {"type": "nonsense"}})]), IA, "bad_form_schema"),
        (version([task(config={"form_schema": {"pattern": "(?<=a)b"}})]), IA, "bad_form_schema"),
        (version([task(config=deep(20))]), IA, "payload_too_deep"),
        (version([{"id": "a", "step_type": "STEP_TYPE_AGENT_ACTION"}]), IA, "no_agent"),
        (version([{"id": "a", "step_type": "STEP_TYPE_BRANCH"}]), IA, "branch_without_edges", "steps[0]"),
        (version([{"id": "a", "step_type": "STEP_TYPE_PARALLEL"}]), IA, "parallel_without_children", "steps[0]"),
        (version([task(compensation_step_id="z")]), IA, "unknown_compensation"),
        (version([task(compensation_step_id="a")]), IA, "self_compensation"),
        (version([task(retry_policy={"max_retries": -1})]), IA, "negative_retries"),
        (version([task(retry_policy={"max_retries": 1_000_000})]), IA, "absurd_retries"),
        (version([task(retry_policy={"backoff_seconds": -1})]), IA, "negative_backoff"),
        (version([task()], timeout_seconds=-5), IA, "negative_timeout", "timeout_seconds"),
        (branch("input.amount >"), IA, "expression_syntax", "edges[0].condition_expr"),
        (branch("1 + 1"), IA, "wrong_type", "edges[0].condition_expr"),
        (branch("launch(input)"), IA, "unknown_function", "edges[0].condition_expr"),
        (branch("(" * 500 + "true" + ")" * 500), IA, "expression_too_deep", "edges[0].condition_expr"),
        (branch("true || " * 2_000 + "true"), IA, "expression_too_long", "edges[0].condition_expr"),
        (triggered(trigger_type="TRIGGER_TYPE_SCHEDULE", cron_expr="every day"), IA, "bad_cron"),
        (triggered(trigger_type="TRIGGER_TYPE_SCHEDULE"), IA, "bad_cron"),
        (triggered(trigger_type="TRIGGER_TYPE_EVENT"), IA, "missing_pattern"),
        (triggered(trigger_type="TRIGGER_TYPE_EVENT", event_type="a..b"), IA, "malformed_pattern"),
        (triggered(trigger_type="TRIGGER_TYPE_EVENT", event_type="a", filter_expr="((("), IA, "expression_syntax"),
        (triggered(trigger_type=99), IA, "unknown_enum_value", "trigger.trigger_type"),
    ),
    *rows(f"{V1}/GetDefinition", ({}, IA, "required", "id"), ({"id": "wf_unknown"}, NF, "definition_not_found")),
    *rows(
        f"{V1}/ListDefinitions",
        ({"limit": -1}, IA, "negative", "limit"),
        ({"offset": -1}, IA, "negative", "offset"),
        ({"tag": "t" * 65}, IA, "too_long", "tag"),
        ({"tag": "a\u2028b"}, IA, "control_character", "tag"),
    ),
    *rows(
        f"{V1}/ListVersions",
        ({}, IA, "required", "definition_id"),
        ({"definition_id": "wf_unknown"}, NF, "definition_not_found"),
    ),
    *rows(
        f"{DEFINITIONS}/DescribeDefinition",
        ({"definition_id": "$DEFINITION"}, IA, "required", "description"),
        ({"definition_id": "$DEFINITION", "description": "d" * 10_001}, IA, "too_long", "description"),
        ({"definition_id": "$DEFINITION", "tags": {"tags": ["t"] * 65}}, IA, "too_many", "tags.tags"),
        ({"definition_id": "$DEFINITION", "tags": {"tags": ["ok", " "]}}, IA, "blank", "tags.tags[1]"),
        ({"definition_id": "$DEFINITION", "tags": {"tags": [NUL]}}, IA, "nul_character", "tags.tags"),
        ({"definition_id": "$DEFINITION", "tags": {"tags": ["\x1b[2J"]}}, IA, "control_character", "tags.tags[0]"),
        ({"definition_id": "wf_unknown", "description": ""}, NF, "definition_not_found"),
    ),
    *rows(
        f"{DEFINITIONS}/SetMaxRunDuration",
        ({"definition_id": "$DEFINITION", "seconds": -1}, IA, "negative", "seconds"),
        ({"definition_id": "$DEFINITION", "seconds": 2**31 - 1}, IA, "absurd_duration", "seconds"),
        ({"definition_id": "wf_unknown", "seconds": 1}, NF, "definition_not_found"),
    ),
    *rows(f"{DEFINITIONS}/SetEnabled", ({"definition_id": "wf_unknown"}, NF, "definition_not_found")),
    *rows(
        f"{DEFINITIONS}/ValidateVersion",
        ({"draft": {"definition_id": "wf_unknown", "steps": [task()]}}, NF, "definition_not_found"),
    ),
    *rows(
        f"{DEFINITIONS}/GetGraph",
        ({"definition_id": "wf_unknown"}, NF, "definition_not_found"),
        ({"definition_id": "$DRAFT"}, NF, "not_published"),
        ({"definition_id": "$DEFINITION", "format": 99}, IA, "unknown_enum_value", "format"),
        ({"definition_id": "$DEFINITION", "version": -1}, IA, "negative", "version"),
    ),
    *rows(
        f"{DEFINITIONS}/SetSchemas",
        ({"definition_id": "wf_unknown"}, NF, "definition_not_found"),
        ({"definition_id": "$DEFINITION", "version": 99}, NF, "version_not_found"),
        ({"definition_id": "$DEFINITION", "input_schema": {"type": "nonsense"}}, IA, "bad_schema"),
        ({"definition_id": "$DEFINITION", "input_schema": {"$ref": "https://example.org"}}, IA, "bad_schema"),
        ({"definition_id": "$DEFINITION", "output_schema": {"pattern": "(?<=a)b"}}, IA, "bad_schema"),
        ({"definition_id": "$DEFINITION", "output_schema": deep(20)}, IA, "payload_too_deep"),
    ),
    *rows(f"{DEFINITIONS}/GetSchemas", ({"definition_id": "$DEFINITION", "version": -1}, IA, "negative", "version")),
    *rows(
        f"{DEFINITIONS}/DiffVersions",
        ({"definition_id": "wf_unknown"}, NF, "definition_not_found"),
        ({"definition_id": "$DEFINITION", "from_version": -1}, IA, "negative", "from_version"),
        ({"definition_id": "$DEFINITION", "from_version": 99}, NF, "version_not_found"),
    ),
]

RUNNING = [
    *rows(
        f"{V1}/StartRun",
        ({}, IA, "required", "definition_id"),
        (started(definition_id="wf_unknown"), NF, "definition_not_found"),
        (started(definition_id="$DRAFT"), NF, "not_published"),
        (started(definition_id="$DISABLED"), FP, "definition_disabled"),
        (started(definition_version=99), NF, "version_not_found"),
        (started(definition_version=-1), IA, "negative", "definition_version"),
        (started(workspace_id="ws_other"), NF, "definition_not_found"),
        (started(parent_run_id="wfr_unknown"), NF, "run_not_found"),
        (started(trigger_type="TRIGGER_TYPE_EVENT"), IA, "required", "trigger_event_id"),
        (started(trigger_type="TRIGGER_TYPE_WEBHOOK"), IA, "required", "trigger_event_id"),
        (started(trigger_type=77), IA, "unknown_enum_value", "trigger_type"),
        (started(entity_id=NUL), IA, "nul_character", "entity_id"),
        (started(entity_id=LONG_ID), IA, "too_long", "entity_id"),
        (started(initiator_agent_id=BLANK), IA, "blank", "initiator_agent_id"),
        (started(input_payload={"n": [{"x": NUL}]}), IA, "nul_character"),
        (started(input_payload={NUL: 1}), IA, "nul_character"),
        (started(input_payload={"big": "x" * 300_000}), IA, "payload_too_large", "input_payload"),
        (started(input_payload=deep(20)), IA, "payload_too_deep"),
    ),
    *rows(
        f"{V1}/TransitionStep",
        (reported(run_id=""), IA, "required", "run_id"),
        (reported(run_id="wfr_unknown"), NF, "run_not_found"),
        (reported(step_id=""), IA, "required", "step_id"),
        (reported(step_id="nobody"), NF, "step_not_found"),
        (reported(state="STEP_RUN_STATE_UNSPECIFIED"), IA, "state_not_reportable", "state"),
        (reported(state="STEP_RUN_STATE_PENDING"), IA, "state_not_reportable", "state"),
        (reported(state="STEP_RUN_STATE_COMPENSATED"), IA, "state_not_reportable", "state"),
        (reported(state=99), IA, "unknown_enum_value", "state"),
        (reported(state="STEP_RUN_STATE_RUNNING"), FP, "report_not_taken"),
        (reported(step_id="pay"), FP, "predecessors_open"),
        (reported(step_id="pay", state="STEP_RUN_STATE_RUNNING"), FP, "report_not_taken"),
        (reported(state="STEP_RUN_STATE_SKIPPED"), FP, "step_not_pending"),
        (reported(cost_usd=-0.01), IA, "negative", "cost_usd"),
        (reported(cost_usd="NaN"), IA, "not_finite", "cost_usd"),
        (reported(cost_usd="Infinity"), IA, "not_finite", "cost_usd"),
        (reported(cost_usd=1e300), IA, "out_of_range", "cost_usd"),
        (reported(error_message=NUL), IA, "nul_character", "error_message"),
        (reported(objective_id=LONG_ID), IA, "too_long", "objective_id"),
        (reported(output_payload={"x": NUL}), IA, "nul_character"),
        (reported(output_payload={"x": "y" * 300_000}), IA, "payload_too_large"),
        (reported(run_id="$DONE", state="STEP_RUN_STATE_FAILED"), FP, "run_terminal"),
        (reported(run_id="$DONE", output_payload={"another": "answer"}), FP, "run_terminal"),
    ),
    *rows(f"{V1}/GetRun", ({}, IA, "required", "id"), ({"id": "wfr_unknown"}, NF, "run_not_found")),
    *rows(
        f"{V1}/ListRuns",
        ({"limit": -1}, IA, "negative", "limit"),
        ({"offset": -1}, IA, "negative", "offset"),
        ({"state": 99}, IA, "unknown_enum_value", "state"),
    ),
    *rows(
        f"{V1}/PauseRun",
        ({"id": "wfr_unknown"}, NF, "run_not_found"),
        ({"id": "$DONE"}, FP, "run_not_running"),
        ({"id": "$RUN", "reason": "x" * 2_001}, IA, "too_long", "reason"),
    ),
    *rows(f"{V1}/ResumeRun", ({"id": "$DONE"}, FP, "run_not_paused"), ({"id": "wfr_unknown"}, NF, "run_not_found")),
    *rows(f"{V1}/CancelRun", ({"id": "$DONE"}, FP, "run_terminal"), ({"id": ""}, IA, "required", "id")),
    *rows(
        f"{V1}/CompensateRun",
        ({"id": "$DONE"}, FP, "run_completed"),
        ({"id": "$RUN"}, FP, "run_not_ended"),
        ({"id": "wfr_unknown"}, NF, "run_not_found"),
    ),
    *rows(
        f"{RUNS}/RetryStep",
        ({"run_id": "$RUN", "step_id": "sign"}, FP, "step_not_failed"),
        ({"run_id": "$FAILED", "step_id": "pay"}, FP, "step_not_failed"),
        ({"run_id": "$FAILED", "step_id": "nobody"}, NF, "step_not_found"),
        ({"run_id": "$FAILED"}, IA, "required", "step_id"),
    ),
    *rows(
        f"{RUNS}/SkipStep",
        ({"run_id": "$RUN", "step_id": "sign"}, FP, "step_not_skippable"),
        ({"run_id": "$DONE", "step_id": "sign"}, FP, "step_not_skippable"),
        ({"run_id": "wfr_unknown", "step_id": "sign"}, NF, "run_not_found"),
    ),
    *rows(
        f"{RUNS}/ForkRun",
        ({"run_id": "$DONE", "step_id": "nobody"}, NF, "step_not_found"),
        ({"run_id": "$DONE", "step_id": "pay", "definition_version": 99}, NF, "version_not_found"),
        ({"run_id": "$DONE", "step_id": "pay", "definition_version": -1}, IA, "negative", "definition_version"),
        ({"run_id": "wfr_unknown", "step_id": "pay"}, NF, "run_not_found"),
    ),
    *rows(f"{RUNS}/PreviewCompensation", ({"run_id": "wfr_unknown"}, NF, "run_not_found")),
    *rows(f"{RUNS}/ExplainRun", ({}, IA, "required", "run_id"), ({"run_id": "wfr_unknown"}, NF, "run_not_found")),
    *rows(
        f"{RUNS}/ListRunEvents",
        ({"run_id": "$RUN", "limit": -1}, IA, "negative", "limit"),
        ({"run_id": "$RUN", "after_sequence": -1}, IA, "negative", "after_sequence"),
        ({"run_id": "wfr_unknown"}, NF, "run_not_found"),
    ),
    *rows(
        f"{RUNS}/WatchRun",
        ({"run_id": "wfr_unknown"}, NF, "run_not_found"),
        ({"run_id": "$RUN", "after_sequence": -1}, IA, "negative", "after_sequence"),
    ),
    *rows(
        f"{RUNS}/GetRunGraph",
        ({"run_id": "$RUN", "format": 99}, IA, "unknown_enum_value", "format"),
        ({"run_id": "wfr_unknown"}, NF, "run_not_found"),
    ),
    *rows(
        f"{RUNS}/ControlRuns",
        (controlled(control="RUN_CONTROL_UNSPECIFIED"), IA, "required", "control"),
        (controlled(control=99), IA, "unknown_enum_value", "control"),
        (controlled(filter={}), IA, "filter_required", "filter"),
        (controlled(filter={"states": ["WORKFLOW_STATE_RUNNING"]}), IA, "filter_required", "filter"),
        (controlled(filter={"definition_id": "$DEFINITION", "page_token": "MA=="}), IA, "malformed"),
        (controlled(at_most=-1), IA, "negative", "at_most"),
        (controlled(reason="x" * 2_001), IA, "too_long", "reason"),
    ),
    *rows(
        f"{RUNS}/SearchRuns",
        ({"page_token": "not a token"}, IA, "malformed", "page_token"),
        ({"page_size": -1}, IA, "negative", "page_size"),
        ({"states": [99]}, IA, "unknown_enum_value", "states[0]"),
        ({"states": ["WORKFLOW_STATE_RUNNING"] * 9}, IA, "too_many", "states"),
        (
            {"started_from": "2026-01-02T00:00:00Z", "started_before": "2026-01-01T00:00:00Z"},
            IA,
            "out_of_order",
            "started_before",
        ),
    ),
]

TASKING = [
    *rows(f"{TASKS}/ListTasks", ({"limit": -1}, IA, "negative", "limit"), ({"state": 99}, IA, "unknown_enum_value")),
    *rows(
        f"{TASKS}/GetTask",
        ({}, IA, "required", "id"),
        ({"id": "no slash"}, IA, "malformed", "id"),
        ({"id": "$RUN/nobody"}, NF, "task_not_found"),
        ({"id": "wfr_unknown/sign"}, NF, "task_not_found"),
    ),
    *rows(
        f"{TASKS}/ClaimTask",
        ({"id": "$RUN/sign", "user_id": "ann", "expected_version": 99}, FP, "task_version"),
        ({"id": "$RUN/sign", "user_id": "ann", "expected_version": -1}, IA, "negative", "expected_version"),
        ({"id": "$DONE/sign", "user_id": "ann"}, FP, "task_closed"),
        ({"id": "$RUN/sign", "user_id": LONG_ID}, IA, "too_long", "user_id"),
    ),
    *rows(f"{TASKS}/ReleaseTask", ({"id": "$DONE/sign", "user_id": "ann"}, FP, "task_closed")),
    *rows(f"{TASKS}/ReassignTask", ({"id": "$RUN/sign", "user_id": "ann"}, IA, "required")),
    *rows(
        f"{TASKS}/CommentTask",
        ({"id": "$RUN/sign", "user_id": "ann"}, IA, "required", "text"),
        ({"id": "$RUN/sign", "user_id": "ann", "text": "x" * 2_001}, IA, "too_long", "text"),
    ),
    *rows(
        f"{TASKS}/CompleteTask",
        ({"id": "$RUN/sign", "user_id": "ann", "output": {"amount": "much"}}, IA, "form_mismatch", "output.amount"),
        ({"id": "$DONE/sign", "user_id": "ann", "output": {"other": 1}}, FP, "task_closed"),
    ),
    *rows(f"{TASKS}/RejectTask", ({"id": "$RUN/sign", "user_id": "ann", "reason": "x" * 2_001}, IA, "too_long")),
]


def handed_in(**fields: Any) -> dict[str, Any]:
    return {
        "workspace_id": "ws_acme",
        "trigger_type": "TRIGGER_TYPE_EVENT",
        "trigger_event_id": "evt_bad",
        "event_type": "a.b",
        **fields,
    }


TRIGGERING = [
    *rows(
        f"{V1}/HandleTrigger",
        (handed_in(workspace_id=""), IA, "required", "workspace_id"),
        (handed_in(trigger_type="TRIGGER_TYPE_MANUAL"), IA, "trigger_type_not_handled", "trigger_type"),
        (handed_in(trigger_type="TRIGGER_TYPE_WORKFLOW"), IA, "trigger_type_not_handled", "trigger_type"),
        (handed_in(trigger_type="TRIGGER_TYPE_UNSPECIFIED"), IA, "trigger_type_not_handled", "trigger_type"),
        (handed_in(trigger_type=99), IA, "unknown_enum_value", "trigger_type"),
        (handed_in(trigger_event_id=""), IA, "required", "trigger_event_id"),
        (handed_in(event_type=""), IA, "required", "event_type"),
        (handed_in(event_type="x" * 300), IA, "too_long", "event_type"),
        (handed_in(input_payload={"x": NUL}), IA, "nul_character"),
        (handed_in(input_payload=deep(20)), IA, "payload_too_deep"),
        (handed_in(trigger_type="TRIGGER_TYPE_SCHEDULE", cron_expr="never"), IA, "bad_cron", "cron_expr"),
    ),
    *rows(
        f"{SCHEDULES}/GetSchedule",
        ({}, IA, "required", "definition_id"),
        ({"definition_id": "$DEFINITION"}, NF, "schedule_not_found"),
    ),
    *rows(f"{SCHEDULES}/ListSchedules", ({"limit": -1}, IA, "negative", "limit")),
    *rows(f"{SCHEDULES}/PauseSchedule", ({"definition_id": "$SCHEDULED", "reason": "x" * 2_001}, IA, "too_long")),
    *rows(f"{SCHEDULES}/ResumeSchedule", ({"definition_id": "wf_unknown"}, NF, "schedule_not_found")),
    *rows(
        f"{SCHEDULES}/SetSchedulePolicy",
        ({"definition_id": "$SCHEDULED", "timezone": "Mars/Base"}, IA, "unknown_timezone", "timezone"),
        ({"definition_id": "$SCHEDULED", "timezone": "../../etc/passwd"}, IA, "unknown_timezone", "timezone"),
        ({"definition_id": "$SCHEDULED", "overlap": 99}, IA, "unknown_enum_value", "overlap"),
        ({"definition_id": "$SCHEDULED", "catch_up_seconds": -1}, IA, "negative", "catch_up_seconds"),
        ({"definition_id": "$SCHEDULED", "jitter_seconds": 10**6}, IA, "absurd_duration", "jitter_seconds"),
        ({"definition_id": "$SCHEDULED", "expected_version": 99}, FP, "schedule_version"),
    ),
    *rows(f"{SCHEDULES}/ListUpcoming", ({"definition_id": "$SCHEDULED", "count": -1}, IA, "negative", "count")),
    *rows(
        f"{SCHEDULES}/Backfill",
        ({"definition_id": "$SCHEDULED"}, IA, "required", "from"),
        (
            {"definition_id": "$SCHEDULED", "from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
            IA,
            "out_of_order",
        ),
        (
            {"definition_id": "$SCHEDULED", "from": "2999-01-01T00:00:00Z", "to": "2999-01-02T00:00:00Z"},
            IA,
            "in_the_future",
        ),
        (
            {"definition_id": "$SCHEDULED", "from": "2016-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
            IA,
            "too_many_ticks",
        ),
    ),
    *rows(f"{EVENTS}/ListDeadLetters", ({"limit": -1}, IA, "negative", "limit")),
    *rows(f"{EVENTS}/GetDeadLetter", ({"id": 10**12}, NF, "dead_letter_not_found"), ({}, IA, "required", "id")),
    *rows(f"{EVENTS}/ReplayDeadLetter", ({"id": -5}, IA, "negative", "id")),
    *rows(f"{EVENTS}/DiscardDeadLetter", ({"id": 10**12}, NF, "dead_letter_not_found")),
    *rows(f"{EVENTS}/ListEvents", ({}, IA, "required", "workspace_id"), ({"state": 99}, IA, "required")),
    *rows(
        f"{EVENTS}/GetEvent",
        ({"workspace_id": "ws_acme", "source": "nobody", "id": "none"}, NF, "event_not_found"),
        ({"workspace_id": "ws_acme", "source": "x" * 600, "id": "a"}, IA, "too_long", "source"),
    ),
    *rows(f"{EVENTS}/Republish", ({"workspace_id": "ws_acme"}, IA, "required", "since")),
]

KEEPING = [
    *rows(
        f"{RETENTION}/SetPolicy",
        ({"workspace_id": "ws_acme"}, IA, "required", "keep_seconds"),
        ({"workspace_id": "ws_acme", "keep_seconds": -1}, IA, "negative", "keep_seconds"),
        ({"workspace_id": "ws_acme", "keep_seconds": 10**12}, IA, "absurd_duration", "keep_seconds"),
        ({"state": "WORKFLOW_STATE_RUNNING", "keep_seconds": 1}, IA, "not_an_end", "state"),
        ({"state": 99, "keep_seconds": 1}, IA, "unknown_enum_value", "state"),
    ),
    *rows(f"{RETENTION}/ListPolicies", ({"workspace_id": LONG_ID}, IA, "too_long", "workspace_id")),
    *rows(f"{RETENTION}/DeletePolicy", ({"workspace_id": "ws_unknown"}, NF, "policy_not_found")),
    *rows(
        f"{RETENTION}/HoldRun",
        ({"run_id": "$DONE"}, IA, "required", "reason"),
        ({"run_id": "wfr_unknown", "reason": "court"}, NF, "run_not_found"),
    ),
    *rows(f"{RETENTION}/ReleaseRun", ({"run_id": "$DONE"}, NF, "hold_not_found")),
    *rows(f"{RETENTION}/ListHolds", ({"limit": -1}, IA, "negative", "limit")),
    *rows(f"{RETENTION}/ListPurges", ({"offset": -1}, IA, "negative", "offset")),
    *rows(
        f"{RETENTION}/Purge",
        ({"workspace_id": "ws_acme"}, IA, "one_of_two", "older_than_seconds"),
        ({"older_than_seconds": 1}, IA, "required", "workspace_id"),
        ({"workspace_id": "ws_acme", "older_than_seconds": -1}, IA, "negative", "older_than_seconds"),
        ({"workspace_id": "ws_acme", "older_than_seconds": 1, "limit": -1}, IA, "negative", "limit"),
        (
            {"workspace_id": "ws_acme", "older_than_seconds": 1, "states": ["WORKFLOW_STATE_RUNNING"]},
            IA,
            "not_an_end",
        ),
    ),
]

ROWS = [*DEFINING, *RUNNING, *TASKING, *TRIGGERING, *KEEPING]
