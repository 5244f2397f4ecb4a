-- What teams publish: definitions, their immutable versions, and the event types that some version waits for.

create table workflow_definitions (
    id              text collate "C" primary key,
    workspace_id    text collate "C" not null,
    name            text not null,
    description     text not null,
    latest_version  integer not null default 0 check (latest_version >= 0),
    tags            text[] not null,
    sequence        integer not null default 0 check (sequence >= 0),
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    unique (workspace_id, name)
);
create index workflow_definitions_newest on workflow_definitions (workspace_id, id desc);
create index workflow_definitions_tags on workflow_definitions using gin (tags);
create trigger touch before update on workflow_definitions for each row execute function touch_updated_at();
call protect('workflow_definitions');

comment on table workflow_definitions is 'A named workflow of a workspace; what it does is in its versions.';
comment on column workflow_definitions.id is 'wf_ and a UUIDv7.';
comment on column workflow_definitions.workspace_id is 'The tenant.';
comment on column workflow_definitions.name is 'Unique in its workspace.';
comment on column workflow_definitions.description is 'For people.';
comment on column workflow_definitions.latest_version is 'Number of the newest version; 0 before the first is published.';
comment on column workflow_definitions.tags is 'Labels to filter lists by.';
comment on column workflow_definitions.sequence is 'Number of the last change of this definition or its versions.';
comment on column workflow_definitions.created_at is 'When it was created.';
comment on column workflow_definitions.updated_at is 'When it last changed or got a version.';

create table workflow_versions (
    id                    text collate "C" primary key,
    definition_id         text collate "C" not null references workflow_definitions on delete cascade,
    workspace_id          text collate "C" not null,
    version               integer not null check (version > 0),
    steps                 jsonb not null,
    edges                 jsonb not null,
    trigger               jsonb,
    default_retry_policy  jsonb,
    timeout_seconds       integer not null check (timeout_seconds >= 0),
    author                text not null,
    created_at            timestamptz not null default now(),
    unique (definition_id, version)
);
call protect('workflow_versions');

comment on table workflow_versions is 'An immutable snapshot of a graph of steps; a run follows exactly one.';
comment on column workflow_versions.id is 'wfv_ and a UUIDv7.';
comment on column workflow_versions.definition_id is 'The definition it belongs to.';
comment on column workflow_versions.workspace_id is 'The tenant.';
comment on column workflow_versions.version is '1, 2, 3 within its definition, no gaps.';
comment on column workflow_versions.steps is 'The step definitions in declaration order.';
comment on column workflow_versions.edges is 'The edges in declaration order.';
comment on column workflow_versions.trigger is 'What starts a run; null when the publisher named nothing.';
comment on column workflow_versions.default_retry_policy is 'For steps without a policy of their own.';
comment on column workflow_versions.timeout_seconds is 'Bounds a run, and a step without a timeout; 0 is no bound.';
comment on column workflow_versions.author is 'Who published it.';
comment on column workflow_versions.created_at is 'When it was published.';

create table awaited_types (
    workspace_id   text collate "C" not null,
    pattern        text collate "C" not null,
    definition_id  text collate "C" not null references workflow_definitions on delete cascade,
    version        integer not null,
    primary key (workspace_id, pattern, definition_id, version)
);
create index awaited_types_definition on awaited_types (definition_id);
call protect('awaited_types');

comment on table awaited_types is 'Event types that a published version waits for: such events are kept though nobody waits yet.';
comment on column awaited_types.workspace_id is 'The tenant.';
comment on column awaited_types.pattern is 'The type pattern as the step gives it; > when it gives only a subject.';
comment on column awaited_types.definition_id is 'The definition with the waiting step.';
comment on column awaited_types.version is 'Its version with the waiting step.';

create table rpc_answers (
    workspace_id  text collate "C" not null,
    caller        text not null,
    key           text not null,
    method        text not null,
    digest        bytea not null,
    response      bytea not null,
    created_at    timestamptz not null default now(),
    primary key (workspace_id, caller, key)
);
create index rpc_answers_age on rpc_answers (created_at);
call protect('rpc_answers');

comment on table rpc_answers is 'Answers to calls about definitions that carried an idempotency key.';
comment on column rpc_answers.workspace_id is 'The tenant.';
comment on column rpc_answers.caller is 'Whose key it is.';
comment on column rpc_answers.key is 'The idempotency key.';
comment on column rpc_answers.method is 'The method that was called.';
comment on column rpc_answers.digest is 'Hash of the request: the same key with another request is a conflict.';
comment on column rpc_answers.response is 'What was answered, as JSON.';
comment on column rpc_answers.created_at is 'When; keys live for a day.';
