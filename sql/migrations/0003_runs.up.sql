-- Runs, their steps and their history. Every key starts with the run's id and an apply touches no table without it.
-- No foreign keys here: the fence on workflow_runs proves that the run exists.
-- Lists of words are domains: a CHECK on a table is parsed anew by every statement that writes it, which costs an apply
-- a fifth of its time; a domain's is parsed once per connection.

create domain run_state as text collate "C" check
    (value in ('PENDING', 'RUNNING', 'PAUSED', 'COMPENSATING', 'COMPLETED', 'FAILED', 'CANCELLED'));
comment on domain run_state is 'A state of the run table in the domain.';

create domain step_state as text collate "C" check
    (value in ('PENDING', 'RUNNING', 'WAITING', 'COMPLETED', 'FAILED', 'SKIPPED', 'COMPENSATED', 'CANCELLED'));
comment on domain step_state is 'A state of the step table in the domain.';

create domain step_type as text collate "C" check
    (value in ('AGENT_ACTION', 'APPROVAL_GATE', 'GOVERNANCE_CHECK', 'WAIT_FOR_EVENT', 'BRANCH', 'PARALLEL',
               'NOTIFICATION', 'HUMAN_TASK'));
comment on domain step_type is 'The kinds of steps.';

create domain trigger_type as text collate "C" check
    (value in ('EVENT', 'SCHEDULE', 'MANUAL', 'WEBHOOK', 'WORKFLOW'));
comment on domain trigger_type is 'What can start a run.';

create domain aggregate_type as text collate "C" check (value in ('run', 'step', 'definition', 'version'));
comment on domain aggregate_type is 'What can change.';

create domain usd as numeric check (value >= 0 and value < 'Infinity');
comment on domain usd is 'Money, exact.';

create table workflow_runs (
    id                  text collate "C" primary key,
    version             bigint not null default 0,
    sequence            integer not null,
    state               run_state not null,
    wake_at             timestamptz,
    started_at          timestamptz,
    completed_at        timestamptz,
    deadline_at         timestamptz,
    updated_at          timestamptz not null default now(),
    total_cost_usd      usd not null default 0,
    failure_reason      text not null default '',
    failure_message     text not null default '',
    workspace_id        text collate "C" not null,
    definition_id       text collate "C" not null,
    definition_version  integer not null,
    trigger_type        trigger_type not null,
    trigger_event_id    text not null default '',
    initiator_agent_id  text collate "C" not null default '',
    initiator_user_id   text not null default '',
    parent_run_id       text collate "C" not null default '',
    entity_id           text collate "C" not null default '',
    entity_type         text not null default '',
    input_payload       jsonb not null default '{}',
    output_payload      jsonb not null default '{}',
    constraint workflow_runs_terminal check
        ((state in ('COMPLETED', 'FAILED', 'CANCELLED')) = (completed_at is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
create index workflow_runs_due on workflow_runs (wake_at) where wake_at is not null;
create index workflow_runs_newest on workflow_runs (workspace_id, id desc);
create index workflow_runs_unfinished on workflow_runs (workspace_id, id desc) where completed_at is null;
create index workflow_runs_definition on workflow_runs (workspace_id, definition_id, id desc);
create index workflow_runs_entity on workflow_runs (workspace_id, entity_id, id desc) where entity_id <> '';
create index workflow_runs_initiator on workflow_runs (workspace_id, initiator_agent_id, id desc)
    where initiator_agent_id <> '';
create index workflow_runs_parent on workflow_runs (parent_run_id) where parent_run_id <> '';
call protect('workflow_runs');

comment on table workflow_runs is 'One run of one version: the truth, together with its steps.';
comment on column workflow_runs.id is 'wfr_ and a UUIDv7.';
comment on column workflow_runs.version is 'Fencing token: every write names the version it read and adds one.';
comment on column workflow_runs.sequence is 'Number of the last change of this run.';
comment on column workflow_runs.state is 'A state of the run table in the domain.';
comment on column workflow_runs.wake_at is 'When the clock alone can next change the run.';
comment on column workflow_runs.started_at is 'When it started.';
comment on column workflow_runs.completed_at is 'When it ended; set in terminal states and only there.';
comment on column workflow_runs.deadline_at is 'When the run itself times out.';
comment on column workflow_runs.updated_at is 'When it was last written; set by the statement.';
comment on column workflow_runs.total_cost_usd is 'Sum over its steps, exact.';
comment on column workflow_runs.failure_reason is 'Stable word; set as soon as a step has failed for good.';
comment on column workflow_runs.failure_message is 'The same for people.';
comment on column workflow_runs.workspace_id is 'The tenant.';
comment on column workflow_runs.definition_id is 'What it runs.';
comment on column workflow_runs.definition_version is 'Which version of it.';
comment on column workflow_runs.trigger_type is 'What kind of thing started it.';
comment on column workflow_runs.trigger_event_id is 'Id of the CloudEvent that started it, or empty.';
comment on column workflow_runs.initiator_agent_id is 'The agent that started it, or empty.';
comment on column workflow_runs.initiator_user_id is 'The person who started it, or empty.';
comment on column workflow_runs.parent_run_id is 'The run whose step started it, or empty.';
comment on column workflow_runs.entity_id is 'The record it is about, or empty.';
comment on column workflow_runs.entity_type is 'What kind of record that is.';
comment on column workflow_runs.input_payload is 'What it was started with.';
comment on column workflow_runs.output_payload is 'What it has yielded.';

create table step_runs (
    run_id               text collate "C" not null,
    step_id              text collate "C" not null,
    position             integer not null,
    workspace_id         text collate "C" not null,
    state                step_state not null,
    attempt              integer not null,
    retry_count          integer not null,
    started_at           timestamptz,
    completed_at         timestamptz,
    deadline_at          timestamptz,
    retry_at             timestamptz,
    cost_usd             usd not null,
    settled_cost_usd     usd not null,
    step_type            step_type not null,
    step_name            text not null,
    objective_id         text not null,
    agent_id             text not null,
    delegation_id        text not null,
    approval_request_id  text not null,
    governance_decision  text not null,
    event_id             text not null,
    notification_id      text not null,
    error_reason         text not null,
    error_message        text not null,
    input_payload        jsonb not null,
    output_payload       jsonb not null,
    evidence             jsonb not null,
    primary key (run_id, step_id),
    constraint step_runs_terminal check
        ((state in ('PENDING', 'RUNNING', 'WAITING')) = (completed_at is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
call protect('step_runs');

comment on table step_runs is 'One step of one run.';
comment on column step_runs.run_id is 'The run.';
comment on column step_runs.step_id is 'The step''s id in the definition.';
comment on column step_runs.position is 'Topological order, ties in declaration order; compensation steps follow.';
comment on column step_runs.workspace_id is 'The tenant.';
comment on column step_runs.state is 'A state of the step table in the domain.';
comment on column step_runs.attempt is '0 before the first start, then counts up.';
comment on column step_runs.retry_count is 'Retries so far.';
comment on column step_runs.started_at is 'When the present attempt started.';
comment on column step_runs.completed_at is 'When it ended; set in terminal states and only there.';
comment on column step_runs.deadline_at is 'When the present attempt times out.';
comment on column step_runs.retry_at is 'When the next attempt may start.';
comment on column step_runs.cost_usd is 'Sum over attempts, exact.';
comment on column step_runs.settled_cost_usd is 'The part of it that earlier attempts used.';
comment on column step_runs.step_type is 'What kind of step it is.';
comment on column step_runs.step_name is 'Its name in the definition.';
comment on column step_runs.objective_id is 'The objective that does the work, or empty.';
comment on column step_runs.agent_id is 'The agent that does the work, or empty.';
comment on column step_runs.delegation_id is 'The delegation that led there, or empty.';
comment on column step_runs.approval_request_id is 'The approval it waits for, or empty.';
comment on column step_runs.governance_decision is 'What governance said, or empty.';
comment on column step_runs.event_id is 'The event that ended its wait, or empty.';
comment on column step_runs.notification_id is 'The notification it sent, or empty.';
comment on column step_runs.error_reason is 'Stable word for what went wrong, or empty.';
comment on column step_runs.error_message is 'The same for people.';
comment on column step_runs.input_payload is 'What upstream handed down.';
comment on column step_runs.output_payload is 'What it hands down or found out.';
comment on column step_runs.evidence is 'What a decision of governance or an approver rested on; never on the wire.';

create table changes (
    stream_id     text collate "C" not null,
    sequence      integer not null,
    shard         smallint not null,
    aggregate     aggregate_type not null,
    operation     text collate "C" not null,
    step_id       text collate "C" not null default '',
    workspace_id  text collate "C" not null,
    actor         text not null,
    cause         text not null,
    recorded_at   timestamptz not null,
    data          jsonb not null,
    published_at  timestamptz,
    primary key (stream_id, sequence)
) with (autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_scale_factor = 0.1);
create index changes_unpublished on changes (shard, stream_id, sequence) where published_at is null;
call protect('changes');

comment on table changes is 'History, audit trail and outbox in one: what happened to a run or a definition, in order.';
comment on column changes.stream_id is 'The run or the definition.';
comment on column changes.sequence is '1, 2, 3 within its stream, no gaps.';
comment on column changes.shard is 'Which relay publishes it: a hash of stream_id.';
comment on column changes.aggregate is 'What changed: a run, a step of it, a definition or a version.';
comment on column changes.operation is 'What happened, as in the event''s type.';
comment on column changes.step_id is 'The step it is about, or empty.';
comment on column changes.workspace_id is 'The tenant.';
comment on column changes.actor is 'Who did it.';
comment on column changes.cause is 'The request, event, effect or timer that led to it.';
comment on column changes.recorded_at is 'The moment of the decision, on the database''s clock.';
comment on column changes.data is 'The rows as they were just after it; folding them in order gives the state.';
comment on column changes.published_at is 'When the bus acknowledged it; null until then.';

create view run_events with (security_invoker = true) as
    select stream_id as run_id, sequence, aggregate, operation, step_id, workspace_id, actor, cause, recorded_at,
           data, published_at
      from changes
     where aggregate in ('run', 'step');
grant select on run_events to workflows_reader, workflows_engine;

comment on view run_events is 'The history of runs.';
