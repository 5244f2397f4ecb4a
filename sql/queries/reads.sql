-- What the edge shows, under the role that sees one workspace. '*' and '' in a filter match everything.

-- name: run_get
select r.id, r.workspace_id, r.definition_id, r.definition_version, r.state, r.trigger_type, r.trigger_event_id,
       r.initiator_agent_id, r.initiator_user_id, r.parent_run_id, r.parent_step_id, r.parent_attempt, r.depth,
       r.chain, r.entity_id, r.entity_type, r.input_payload, r.output_payload, r.total_cost_usd, r.failure_reason,
       r.failure_message, r.started_at, r.completed_at, r.deadline_at, r.pauses, r.parent_word,
       r.compensation, r.forked_from, r.forked_step, r.max_seconds, r.schema_revision,
       r.version, r.sequence,
       case when r.version <> $2 then (select json_agg(s) from (
            select step_id, step_name, step_type, state, attempt, objective_id, agent_id, delegation_id,
                   approval_request_id, governance_decision, event_id, notification_id, input_payload, output_payload,
                   evidence, error_reason, error_message, retry_count, cost_usd::text, settled_cost_usd::text,
                   started_at, completed_at, deadline_at, retry_at, alarms
              from step_runs where run_id = $1 order by position) s) end as steps,
       case when r.version <> $2 then (select json_agg(i) from (
            select step_id, step_name, step_type, state, attempt, objective_id, agent_id, delegation_id,
                   approval_request_id, governance_decision, event_id, notification_id, input_payload, output_payload,
                   evidence, error_reason, error_message, retry_count, cost_usd::text, settled_cost_usd::text,
                   started_at, completed_at, deadline_at, retry_at, alarms
              from step_items where run_id = $1 order by parent_step, item_index) i) end as items,
       case when r.version <> $2 then (select json_agg(t) from (
            select step_id, attempt, status, title, instructions, form_schema, assignee, "group", due_at, remind_at,
                   claimed_by, completed_by, version, opened_at, closed_at
              from human_tasks where run_id = $1 order by step_id) t) end as tasks
  from workflow_runs r
 where r.id = $1

-- name: runs_list
with chosen as materialized (
    select id
      from workflow_runs
     where ($1 = '*' or workspace_id = $1)
       and ($2 = '' or definition_id = $2)
       and ($3 = '' or (state = $3 and (completed_at is not null) = ($3 in ('COMPLETED', 'FAILED', 'CANCELLED'))))
       and ($4 = '' or entity_id = $4)
       and ($5 = '' or initiator_agent_id = $5)
), page as (
    select id from chosen order by id desc limit $6 offset $7
)
select (select count(*) from chosen) as total,
       r.id, r.workspace_id, r.definition_id, r.definition_version, r.state, r.trigger_type, r.trigger_event_id,
       r.initiator_agent_id, r.initiator_user_id, r.parent_run_id, r.parent_step_id, r.parent_attempt, r.depth,
       r.chain, r.entity_id, r.entity_type, r.input_payload, r.output_payload, r.total_cost_usd, r.failure_reason,
       r.failure_message, r.started_at, r.completed_at, r.deadline_at, r.pauses, r.parent_word,
       r.compensation, r.forked_from, r.forked_step, r.max_seconds, r.schema_revision,
       r.version, r.sequence,
       (select json_agg(s) from (
            select step_id, step_name, step_type, state, attempt, objective_id, agent_id, delegation_id,
                   approval_request_id, governance_decision, event_id, notification_id, error_reason, error_message,
                   retry_count, cost_usd::text, settled_cost_usd::text, started_at, completed_at, deadline_at, retry_at
              from step_runs where run_id = r.id order by position) s) as steps
  from (select 1) one
  left join page on true
  left join workflow_runs r on r.id = page.id
 order by r.id desc

-- name: definition_get
select id, workspace_id, name, description, latest_version, tags, created_at, updated_at, max_run_seconds, enabled,
       schema_revisions
  from workflow_definitions
 where id = $1

-- name: definitions_list
with chosen as materialized (
    select id
      from workflow_definitions
     where ($1 = '*' or workspace_id = $1)
       and ($2 = '' or tags @> array[$2]::text[])
), page as (
    select id from chosen order by id desc limit $3 offset $4
)
select (select count(*) from chosen) as total,
       d.id, d.workspace_id, d.name, d.description, d.latest_version, d.tags, d.created_at, d.updated_at,
       d.max_run_seconds, d.enabled, d.schema_revisions
  from (select 1) one
  left join page on true
  left join workflow_definitions d on d.id = page.id
 order by d.id desc

-- name: version_read
select v.id, v.definition_id, v.workspace_id, v.version, v.steps, v.edges, v.trigger, v.default_retry_policy,
       v.timeout_seconds, v.author, v.created_at,
       (select jsonb_build_object('revision', s.revision, 'input', s.input_schema, 'output', s.output_schema)
          from workflow_definitions d
          join version_schemas s
            on s.definition_id = d.id and s.version = v.version
           and s.revision = (d.schema_revisions ->> v.version::text)::integer
         where d.id = v.definition_id) as schemas
  from workflow_versions v
 where v.definition_id = $1 and v.version = $2

-- name: runs_open
select v.version, o.runs, (select jsonb_object_agg(s ->> 'id', s ->> 'step_type') from jsonb_array_elements(v.steps) s)
  from (select r.definition_version, count(*)::integer as runs
          from workflow_definitions d
          join workflow_runs r on r.workspace_id = d.workspace_id and r.definition_id = d.id
         where d.id = $1 and r.completed_at is null
         group by r.definition_version) o
  join workflow_versions v on v.definition_id = $1 and v.version = o.definition_version
 order by v.version desc

-- name: versions_list
select v.id, v.definition_id, v.workspace_id, v.version, v.steps, v.edges, v.trigger, v.default_retry_policy,
       v.timeout_seconds, v.author, v.created_at
  from workflow_definitions d
  left join workflow_versions v on v.definition_id = d.id
 where d.id = $1
 order by v.version desc
