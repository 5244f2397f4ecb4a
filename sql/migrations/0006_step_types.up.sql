-- What steps with items, people and child runs need beside a run and its steps.
-- As in 0003, every key starts with the run's id, and lists of words are domains.

create domain task_status as text collate "C" check
    (value in ('OPEN', 'CLAIMED', 'COMPLETED', 'REJECTED', 'CANCELLED'));
comment on domain task_status is 'How far a person''s work on a step is.';

create domain interaction_kind as text collate "C" check
    (value in ('question', 'choice', 'notice', 'agent_request', 'comment', 'answer'));
comment on domain interaction_kind is 'What an entry in a run''s conversation is.';

alter table workflow_runs
    add column parent_step_id text collate "C" not null default '',
    add column parent_attempt integer not null default 0,
    add column depth          integer not null default 1,
    add column chain          text[] not null default '{}';
comment on column workflow_runs.parent_step_id is 'The step (or item) of the parent run whose work this run is, or empty.';
comment on column workflow_runs.parent_attempt is 'The attempt of that step; 0 without one.';
comment on column workflow_runs.depth is 'How long its line of parents is, itself counted.';
comment on column workflow_runs.chain is 'The definitions on the way that led to it, the first one first.';

alter table step_runs add column alarms jsonb not null default '{}';
comment on column step_runs.alarms is 'Named times at which the step''s rules look again.';

-- An item is a step run in the small, so it has the columns of one; its place is in its key.
create table step_items (like step_runs including comments)
    with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
alter table step_items
    drop column position,
    add column parent_step text collate "C" not null
        generated always as (substring(step_id from '^(.*)\[[0-9]+\]$')) stored,
    add column item_index integer not null
        generated always as (substring(step_id from '\[([0-9]+)\]$')::integer) stored,
    add column batch integer generated always as ((evidence ->> 'batch')::integer) stored,
    add primary key (run_id, step_id),
    add constraint step_items_terminal check
        ((state in ('PENDING', 'RUNNING', 'WAITING')) = (completed_at is null));
call protect('step_items');

comment on table step_items is 'One item of a step that works through a list: a step run in the small.';
comment on column step_items.step_id is 'The item''s key: the step''s id and the index, as in each[3].';
comment on column step_items.parent_step is 'The step it is an item of.';
comment on column step_items.item_index is 'Its place in the list, from 0.';
comment on column step_items.batch is 'The batch it goes with; null without one.';

create table human_tasks (
    run_id         text collate "C" not null,
    step_id        text collate "C" not null,
    workspace_id   text collate "C" not null,
    definition_id  text collate "C" not null,
    attempt        integer not null,
    status         task_status not null,
    title          text not null,
    instructions   text not null,
    form_schema    jsonb not null,
    assignee       text collate "C" not null,
    "group"        text collate "C" not null,
    due_at         timestamptz,
    remind_at      timestamptz,
    claimed_by     text collate "C" not null,
    completed_by   text collate "C" not null,
    version        integer not null check (version > 0),
    opened_at      timestamptz,
    closed_at      timestamptz,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    primary key (run_id, step_id),
    constraint human_tasks_closed check ((status in ('OPEN', 'CLAIMED')) = (closed_at is null))
);
create index human_tasks_newest on human_tasks (workspace_id, created_at desc);
create index human_tasks_open on human_tasks (workspace_id, created_at desc) where closed_at is null;
create index human_tasks_assignee on human_tasks (workspace_id, assignee, created_at desc) where assignee <> '';
create index human_tasks_group on human_tasks (workspace_id, "group", created_at desc) where "group" <> '';
create index human_tasks_claimed on human_tasks (workspace_id, claimed_by, created_at desc) where claimed_by <> '';
create index human_tasks_due on human_tasks (workspace_id, due_at) where due_at is not null;
create trigger touch before update on human_tasks for each row execute function touch_updated_at();
call protect('human_tasks');

comment on table human_tasks is 'A person''s work on a HUMAN_TASK step.';
comment on column human_tasks.run_id is 'The run.';
comment on column human_tasks.step_id is 'The step it is the work of.';
comment on column human_tasks.workspace_id is 'The tenant.';
comment on column human_tasks.definition_id is 'What the run runs.';
comment on column human_tasks.attempt is 'The step''s attempt that opened it.';
comment on column human_tasks.status is 'How far it is.';
comment on column human_tasks.title is 'For people, in a line.';
comment on column human_tasks.instructions is 'For people, at length.';
comment on column human_tasks.form_schema is 'JSON Schema that the output has to satisfy; {} when anything goes.';
comment on column human_tasks.assignee is 'The person it was given to, or empty.';
comment on column human_tasks."group" is 'The group it was given to, or empty.';
comment on column human_tasks.due_at is 'When it should be done.';
comment on column human_tasks.remind_at is 'When its people are reminded.';
comment on column human_tasks.claimed_by is 'The person who works on it, or empty.';
comment on column human_tasks.completed_by is 'The person who ended it, or empty.';
comment on column human_tasks.version is 'Counts its changes; whoever changes it names the version they saw.';
comment on column human_tasks.opened_at is 'When the present attempt opened it, on the clock of the decision.';
comment on column human_tasks.closed_at is 'When it ended; set in the ended states and only there.';
comment on column human_tasks.created_at is 'When the row was written first; lists are ordered by it.';
comment on column human_tasks.updated_at is 'When it last changed.';

create table interactions (
    run_id        text collate "C" not null,
    id            bigint generated always as identity,
    step_id       text collate "C" not null,
    kind          interaction_kind not null,
    author        text not null,
    text          text not null,
    body          jsonb not null,
    workspace_id  text collate "C" not null,
    at            timestamptz not null default now(),
    primary key (run_id, id)
);
call protect('interactions');

comment on table interactions is 'The conversation of a run: what agents and people asked, told and answered.';
comment on column interactions.run_id is 'The run.';
comment on column interactions.id is 'Order of arrival.';
comment on column interactions.step_id is 'The step (or item) it is about.';
comment on column interactions.kind is 'What it is.';
comment on column interactions.author is 'Who said it.';
comment on column interactions.text is 'What was said.';
comment on column interactions.body is 'Its details, as the choices of a choice.';
comment on column interactions.workspace_id is 'The tenant.';
comment on column interactions.at is 'When.';
