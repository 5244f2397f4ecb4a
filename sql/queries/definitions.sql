-- Publishing. These are several statements in one transaction: they are rare.

-- name: definition_create
insert into workflow_definitions (id, workspace_id, name, description, tags, sequence)
values ($1, $2, $3, $4, $5::text[], 1)
returning id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds,
          enabled, schema_revisions

-- name: definition_lock
select sequence, workspace_id, latest_version from workflow_definitions where id = $1 for update

-- name: definition_find
select id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds, enabled,
       schema_revisions
  from workflow_definitions
 where workspace_id = $1 and id = $2
 union all
select id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds, enabled,
       schema_revisions
  from workflow_definitions
 where workspace_id = $1 and name = $3 and $2 = ''

-- name: definition_advance
update workflow_definitions
   set latest_version = latest_version + 1, sequence = sequence + 1
 where id = $1
returning id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds,
          enabled, schema_revisions

-- name: definition_describe
-- What is so already is no change.
update workflow_definitions
   set description = coalesce($2::text, description), tags = coalesce($3::text[], tags), sequence = sequence + 1
 where id = $1 and (description, tags) is distinct from (coalesce($2::text, description), coalesce($3::text[], tags))
returning id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds,
          enabled, schema_revisions

-- name: definition_bound
update workflow_definitions set max_run_seconds = $2 where id = $1 returning max_run_seconds

-- name: definition_enable
update workflow_definitions set enabled = $2 where id = $1 returning enabled

-- name: version_create
insert into workflow_versions
    (id, definition_id, workspace_id, version, steps, edges, trigger, default_retry_policy, timeout_seconds, author)
values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7::jsonb, $8::jsonb, $9, $10)
returning id, definition_id, workspace_id, version, steps, edges, trigger, default_retry_policy, timeout_seconds,
          author, created_at

-- name: awaited_create
insert into awaited_types (workspace_id, pattern, definition_id, version, correlates)
select $1, pattern, $2, $3, correlates from jsonb_to_recordset($4::jsonb) as a(pattern text, correlates text[])

-- name: change_create
insert into changes
    (stream_id, sequence, shard, aggregate, operation, workspace_id, actor, cause, trace, recorded_at, data)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now(), $10::jsonb)

-- name: answer_lock
-- Until the end of the transaction, whoever else calls under this key waits, and then finds the answer.
select pg_advisory_xact_lock(hashtextextended(concat_ws(e'\n', $1::text, $2::text, $3::text), 0))

-- name: answer_get
select method, digest, response from rpc_answers where workspace_id = $1 and caller = $2 and key = $3

-- name: answer_put
insert into rpc_answers (workspace_id, caller, key, method, digest, response) values ($1, $2, $3, $4, $5, $6)
