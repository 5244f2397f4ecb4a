-- What runs owe and what they wait for, and the guards against doing a thing twice.

create table run_effects (
    run_id        text collate "C" not null,
    effect_id     text collate "C" not null,
    step_id       text collate "C" not null,
    attempt       integer not null,
    kind          text collate "C" not null,
    request       bytea not null,
    workspace_id  text collate "C" not null,
    due_at        timestamptz not null default now(),
    tries         integer not null default 0,
    lease_token   bigint not null,
    lease_until   timestamptz,
    last_error    text not null default '',
    primary key (run_id, effect_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index run_effects_claimable on run_effects (greatest(due_at, lease_until));
call protect('run_effects');

comment on table run_effects is 'Calls that a run owes the world; the row is deleted by the apply that records the answer.';
comment on column run_effects.run_id is 'The run that owes it.';
comment on column run_effects.effect_id is 'Unique within the run and never used again; with run_id the idempotency key.';
comment on column run_effects.step_id is 'The step that asked for it.';
comment on column run_effects.attempt is 'The step''s attempt that asked for it.';
comment on column run_effects.kind is 'Which call it is.';
comment on column run_effects.request is 'The bytes to send, the same at every try.';
comment on column run_effects.workspace_id is 'The tenant.';
comment on column run_effects.due_at is 'Not before.';
comment on column run_effects.tries is 'How often it was tried in vain.';
comment on column run_effects.lease_token is 'Fencing token: grows with every claim, an answer counts only under the present one.';
comment on column run_effects.lease_until is 'Held by somebody until then.';
comment on column run_effects.last_error is 'What the last try in vain met.';

create table run_waits (
    run_id        text collate "C" not null,
    step_id       text collate "C" not null,
    address       text collate "C" not null,
    workspace_id  text collate "C" not null,
    looked        boolean not null default false,
    opened_at     timestamptz not null default now(),
    primary key (run_id, step_id, address)
) with (autovacuum_vacuum_scale_factor = 0.02);
create index run_waits_address on run_waits (workspace_id, address);
create index run_waits_unlooked on run_waits (opened_at) where not looked;
call protect('run_waits');

comment on table run_waits is 'Under which addresses the steps of all runs can be reached: an index for the router.';
comment on column run_waits.run_id is 'The run.';
comment on column run_waits.step_id is 'The step that can be reached.';
comment on column run_waits.address is 'objective:<id>, approval:<id> or event:<type pattern>.';
comment on column run_waits.workspace_id is 'The tenant.';
comment on column run_waits.looked is 'Whether the events that came before it have been looked through.';
comment on column run_waits.opened_at is 'When it was registered.';

create table run_causes (
    run_id        text collate "C" not null,
    cause         text collate "C" not null,
    digest        bytea not null,
    sequence      integer not null,
    workspace_id  text collate "C" not null,
    at            timestamptz not null default now(),
    primary key (run_id, cause)
);
create index run_causes_calls on run_causes (at) where cause like 'rpc:%';
call protect('run_causes');

comment on table run_causes is 'Events and calls that a run has taken into account: a repetition changes nothing.';
comment on column run_causes.run_id is 'The run.';
comment on column run_causes.cause is 'The event or the caller''s key.';
comment on column run_causes.digest is 'Hash of what it carried: the same cause with another body is a conflict.';
comment on column run_causes.sequence is 'The run''s last change after it, to answer a repetition as the first time.';
comment on column run_causes.workspace_id is 'The tenant.';
comment on column run_causes.at is 'When.';

create table run_audit (
    run_id        text collate "C" not null,
    id            bigint generated always as identity,
    step_id       text collate "C" not null,
    command       text not null,
    reason        text not null,
    message       text not null,
    actor         text not null,
    cause         text not null,
    workspace_id  text collate "C" not null,
    at            timestamptz not null default now(),
    primary key (run_id, id)
);
call protect('run_audit');

comment on table run_audit is 'Reports that changed nothing, and why; never published.';
comment on column run_audit.run_id is 'The run.';
comment on column run_audit.id is 'Order of arrival.';
comment on column run_audit.step_id is 'The step it was about, or empty.';
comment on column run_audit.command is 'What was reported.';
comment on column run_audit.reason is 'Stable word for why it changed nothing.';
comment on column run_audit.message is 'The same for people.';
comment on column run_audit.actor is 'Who reported it.';
comment on column run_audit.cause is 'The request, event or effect it came with.';
comment on column run_audit.workspace_id is 'The tenant.';
comment on column run_audit.at is 'When.';

create table start_keys (
    workspace_id  text collate "C" not null,
    scope         text collate "C" not null,
    key           text collate "C" not null,
    digest        bytea not null,
    run_id        text collate "C" not null,
    sequence      integer not null,
    created_at    timestamptz not null default now(),
    primary key (workspace_id, scope, key)
);
create index start_keys_calls on start_keys (created_at) where scope like 'rpc:%';
call protect('start_keys');

comment on table start_keys is 'Who may start a run: inserting the key is the fence of a start.';
comment on column start_keys.workspace_id is 'The tenant.';
comment on column start_keys.scope is 'rpc:<caller>, event:<definition>, tick:<definition>, tap:<definition> or child.';
comment on column start_keys.key is 'Unique within the scope.';
comment on column start_keys.digest is 'Hash of the body: the same key with another body is a conflict.';
comment on column start_keys.run_id is 'The run that was started with it.';
comment on column start_keys.sequence is 'That run''s last change after the start.';
comment on column start_keys.created_at is 'When; keys of calls live for a day.';
