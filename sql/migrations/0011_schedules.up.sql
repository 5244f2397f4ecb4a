-- Which definitions start themselves by the clock, how, and where each of them stands.

create domain schedule_overlap as text collate "C" check (value in ('ALLOW', 'SKIP', 'BUFFER_ONE', 'CANCEL_OTHER'));
comment on domain schedule_overlap is 'What happens to a tick while the run of an earlier one still goes on.';

create table schedules (
    definition_id     text collate "C" primary key references workflow_definitions on delete cascade,
    workspace_id      text collate "C" not null,
    cron_expr         text not null,
    timezone          text not null,
    overlap           schedule_overlap not null,
    catch_up_seconds  integer not null check (catch_up_seconds >= 0),
    jitter_seconds    integer not null check (jitter_seconds >= 0),
    paused_at         timestamptz,
    paused_by         text not null default '',
    pause_reason      text not null default '',
    next_at           timestamptz not null,
    due_at            timestamptz not null check (due_at >= next_at),
    buffered_at       timestamptz,
    last_tick_at      timestamptz,
    last_run_id       text collate "C" not null default '',
    missed            integer not null default 0,
    skipped           integer not null default 0,
    version           integer not null default 1,
    lease_until       timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create index schedules_claimable on schedules (greatest(due_at, lease_until)) where paused_at is null;
create index schedules_buffered on schedules (buffered_at) where buffered_at is not null and paused_at is null;
create index schedules_workspace on schedules (workspace_id, definition_id desc);
create trigger touch before update on schedules for each row execute function touch_updated_at();
call protect('schedules');

comment on table schedules is 'Definitions whose latest version is started by a schedule: its policy and where it stands.';
comment on column schedules.definition_id is 'The definition.';
comment on column schedules.workspace_id is 'The tenant.';
comment on column schedules.cron_expr is 'Five fields, as the latest version has them.';
comment on column schedules.timezone is 'IANA name of the zone on whose wall clock the expression is read.';
comment on column schedules.overlap is 'What happens to a tick while the run of the last one goes on.';
comment on column schedules.catch_up_seconds is 'How late a tick may be made up for; one that is late by less than a minute always is.';
comment on column schedules.jitter_seconds is 'Each tick is put off by up to this, always the same for the same tick.';
comment on column schedules.paused_at is 'Since when nothing is started; null when it is not paused.';
comment on column schedules.paused_by is 'Who paused it.';
comment on column schedules.pause_reason is 'What was said with that.';
comment on column schedules.next_at is 'The tick it stands at.';
comment on column schedules.due_at is 'The same with its jitter: not before.';
comment on column schedules.buffered_at is 'A tick that waits for the last run to end; null when there is none.';
comment on column schedules.last_tick_at is 'The last tick that a run was started for.';
comment on column schedules.last_run_id is 'That run, or empty.';
comment on column schedules.missed is 'Ticks that passed while nobody was there to start them.';
comment on column schedules.skipped is 'Ticks that were left out because the last run still went on.';
comment on column schedules.version is 'Grows with every change of the policy.';
comment on column schedules.lease_until is 'Somebody is at its tick until then.';
comment on column schedules.created_at is 'When a version with a schedule was first published.';
comment on column schedules.updated_at is 'When it last ticked or was changed.';
