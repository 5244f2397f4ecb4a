-- JSON Schemas beside a version, for what its runs start with and what they yield. A version never changes, its schemas
-- may: each change is a new revision, and a run keeps the one that it was started under.

create table version_schemas (
    definition_id  text collate "C" not null,
    version        integer not null,
    revision       integer not null check (revision > 0),
    workspace_id   text collate "C" not null,
    input_schema   jsonb not null,
    output_schema  jsonb not null,
    actor          text not null,
    set_at         timestamptz not null default now(),
    primary key (definition_id, version, revision),
    foreign key (definition_id, version) references workflow_versions (definition_id, version) on delete cascade
);
call protect('version_schemas');

comment on table version_schemas is 'What a version demands of the input and the output of its runs; rows are only added.';
comment on column version_schemas.definition_id is 'The definition.';
comment on column version_schemas.version is 'Its version.';
comment on column version_schemas.revision is '1, 2, 3 within the version, no gaps.';
comment on column version_schemas.workspace_id is 'The tenant.';
comment on column version_schemas.input_schema is 'JSON Schema of the input; {} demands nothing.';
comment on column version_schemas.output_schema is 'JSON Schema of the output; {} demands nothing.';
comment on column version_schemas.actor is 'Who set it.';
comment on column version_schemas.set_at is 'When.';

alter table workflow_definitions add column schema_revisions jsonb not null default '{}';
comment on column workflow_definitions.schema_revisions is
    'The last revision of the schemas of each version that ever had some, read with every start.';

alter table workflow_runs add column schema_revision integer not null default 0;
comment on column workflow_runs.schema_revision is 'The revision of its version''s schemas that it started under; 0 is none.';
