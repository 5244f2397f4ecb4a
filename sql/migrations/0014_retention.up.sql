-- How long ended runs are kept, which of them must stay whatever a policy says, and what was purged.

create table retention_policies (
    workspace_id  text collate "C" not null,
    state         text collate "C" not null default '' check (state in ('', 'COMPLETED', 'FAILED', 'CANCELLED')),
    keep_seconds  bigint not null check (keep_seconds >= 0),
    set_by        text not null,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    primary key (workspace_id, state)
);
create trigger touch before update on retention_policies for each row execute function touch_updated_at();
call protect('retention_policies');

comment on table retention_policies is 'How long runs are kept after their end; the most specific policy counts.';
comment on column retention_policies.workspace_id is 'The tenant, or * for all that have none of their own.';
comment on column retention_policies.state is 'The state a run has ended in, or empty for all.';
comment on column retention_policies.keep_seconds is 'How long after its end a run is kept at least; 0 is for ever.';
comment on column retention_policies.set_by is 'Who set it last.';
comment on column retention_policies.created_at is 'When there first was one.';
comment on column retention_policies.updated_at is 'When it was set last.';

-- A table of its own: runs are updated all the time and held hardly ever.
create table run_holds (
    run_id        text collate "C" primary key,
    workspace_id  text collate "C" not null,
    reason        text not null,
    held_by       text not null,
    held_at       timestamptz not null default now()
);
create index run_holds_newest on run_holds (workspace_id, held_at desc, run_id);
call protect('run_holds');

comment on table run_holds is 'Runs that are not purged, nor any run of their family, until they are released.';
comment on column run_holds.run_id is 'The run.';
comment on column run_holds.workspace_id is 'The tenant.';
comment on column run_holds.reason is 'Why it must stay.';
comment on column run_holds.held_by is 'Who holds it.';
comment on column run_holds.held_at is 'Since when.';

create table purges (
    id            bigint generated always as identity primary key,
    workspace_id  text collate "C" not null,
    purged_at     timestamptz not null default now(),
    purged_by     text not null,
    policy        jsonb not null,
    runs          integer not null check (runs > 0)
);
create index purges_newest on purges (workspace_id, id desc);
call protect('purges');

comment on table purges is 'What was purged: one row for each batch, with counts only.';
comment on column purges.id is 'In the order they happened.';
comment on column purges.workspace_id is 'The tenant whose runs they were.';
comment on column purges.purged_at is 'When.';
comment on column purges.purged_by is 'The service itself where a policy asked for it, else who did.';
comment on column purges.policy is 'By state, how many seconds after its end, or before which moment, a run had to go.';
comment on column purges.runs is 'How many runs.';

create table retention_turn (
    one      boolean primary key default true check (one),
    holder   text collate "C" not null default '',
    free_at  timestamptz not null default '-infinity'
);
insert into retention_turn default values;
grant select, update on retention_turn to workflows_engine;

comment on table retention_turn is 'Whose turn it is to purge by the policies: one row.';
comment on column retention_turn.one is 'Always true.';
comment on column retention_turn.holder is 'The replica that is at it, or empty.';
comment on column retention_turn.free_at is 'When another may take it; after a pass the time of the next one.';

-- Ended runs by their age. Its columns are written when a run ends and not before, so updates stay on their page.
create index workflow_runs_ended on workflow_runs (workspace_id, completed_at, id) where completed_at is not null;
