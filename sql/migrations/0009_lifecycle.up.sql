-- Pausing, compensating and forking runs, and how long a run of a definition may take at most.

alter table workflow_runs
    add column pauses jsonb not null default '{}',
    add column parent_word integer not null default 0,
    add column compensation jsonb not null default '{}',
    add column forked_from text collate "C" not null default '',
    add column forked_step text collate "C" not null default '',
    add column max_seconds integer not null default 0;
create index workflow_runs_forks on workflow_runs (forked_from) where forked_from <> '';

comment on column workflow_runs.pauses is 'Who pauses it (caller, parent), since when and why; empty while nobody does.';
comment on column workflow_runs.parent_word is 'Number of the last word of its parent about pausing; an older one is ignored.';
comment on column workflow_runs.compensation is 'The state it was compensated from, what it had failed of, who asked and why.';
comment on column workflow_runs.forked_from is 'The run it was made from, or empty.';
comment on column workflow_runs.forked_step is 'The step from which it goes on anew, or empty.';
comment on column workflow_runs.max_seconds is 'How long it may take from its start or from being reopened; 0 is for ever.';

alter table workflow_definitions add column max_run_seconds integer not null default 0 check (max_run_seconds >= 0);

comment on column workflow_definitions.max_run_seconds is 'Bounds every run that starts, whatever its version says; 0 is no bound.';
