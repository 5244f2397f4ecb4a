-- Loading, and the arms of the one statement that moves runs, as many as there are documents in $1.
--
-- `store/runs.py` joins the arms that the documents need: `with <docs>, <held>, <fence>, <arm>, ... <done>`. Every arm
-- reads from `fence`, which has the documents whose fence held, so of the others nothing is written. Arms have no order
-- among themselves: no key is written by two of them.

-- name: run_load
select clock_timestamp() as now,
       r.id, r.workspace_id, r.definition_id, r.definition_version, r.state, r.trigger_type, r.trigger_event_id,
       r.initiator_agent_id, r.initiator_user_id, r.parent_run_id, r.parent_step_id, r.parent_attempt, r.depth,
       r.chain, r.entity_id, r.entity_type, r.input_payload, r.output_payload, r.total_cost_usd, r.failure_reason,
       r.failure_message, r.started_at, r.completed_at, r.deadline_at, r.pauses, r.parent_word,
       r.compensation, r.forked_from, r.forked_step, r.max_seconds, r.schema_revision,
       r.version, r.sequence,
       (select json_agg(s) from (
            select step_id, step_name, step_type, state, attempt, objective_id, agent_id, delegation_id,
                   approval_request_id, governance_decision, event_id, notification_id, input_payload, output_payload,
                   evidence, error_reason, error_message, retry_count, cost_usd::text, settled_cost_usd::text,
                   started_at, completed_at, deadline_at, retry_at, alarms
              from step_runs where run_id = $1 order by position) s) as steps,
       (select json_agg(i) from (
            select step_id, step_name, step_type, state, attempt, objective_id, agent_id, delegation_id,
                   approval_request_id, governance_decision, event_id, notification_id, input_payload, output_payload,
                   evidence, error_reason, error_message, retry_count, cost_usd::text, settled_cost_usd::text,
                   started_at, completed_at, deadline_at, retry_at, alarms
              from step_items where run_id = $1 order by parent_step, item_index) i) as items,
       (select json_agg(t) from (
            select step_id, attempt, status, title, instructions, form_schema, assignee, "group", due_at, remind_at,
                   claimed_by, completed_by, version, opened_at, closed_at
              from human_tasks where run_id = $1 order by step_id) t) as tasks,
       (select json_object_agg(c.cause, json_build_array(encode(c.digest, 'hex'), c.sequence))
          from run_causes c where c.run_id = $1 and c.cause = any($2::text[])) as seen,
       (select json_agg(e.effect_id)
          from unnest($3::text[], $4::bigint[]) as asked(effect_id, lease_token)
          join run_effects e using (effect_id, lease_token)
         where e.run_id = $1) as held
  from workflow_runs r
 where r.id = $1

-- name: apply_docs
docs as materialized (
    select number, doc ->> 'id' as id, (doc -> 'version')::bigint as version, doc
      from jsonb_array_elements($1::jsonb) with ordinality as sent(doc, number)
)

-- name: apply_free
held as (
    select * from docs
)

-- name: apply_held
locked as (
    select docs.number
      from docs
     cross join lateral jsonb_to_recordset(docs.doc -> 'held') as asked(effect_id text, lease_token bigint)
      join run_effects e
        on e.run_id = docs.id and e.effect_id = asked.effect_id and e.lease_token = asked.lease_token
       for update of e
), held as (
    select *
      from docs
     where jsonb_array_length(doc -> 'held') = (select count(*) from locked where locked.number = docs.number)
)

-- name: apply_fence
fence as (
    update workflow_runs r
       set version = r.version + 1, sequence = n.sequence, state = n.state, wake_at = n.wake_at,
           started_at = n.started_at, completed_at = n.completed_at, deadline_at = n.deadline_at, updated_at = now(),
           total_cost_usd = n.total_cost_usd, failure_reason = n.failure_reason, failure_message = n.failure_message,
           output_payload = n.output_payload, pauses = n.pauses, parent_word = n.parent_word,
           compensation = n.compensation
      from held, jsonb_populate_record(null::workflow_runs, held.doc -> 'run') n
     where r.id = held.id and r.version = held.version
 returning r.id, r.workspace_id, r.definition_id, r.version, r.sequence, held.number, held.doc
)

-- name: apply_steps
steps as (
    update step_runs s
       set state = n.state, attempt = n.attempt, retry_count = n.retry_count, started_at = n.started_at,
           completed_at = n.completed_at, deadline_at = n.deadline_at, retry_at = n.retry_at, cost_usd = n.cost_usd,
           settled_cost_usd = n.settled_cost_usd, objective_id = n.objective_id, agent_id = n.agent_id,
           delegation_id = n.delegation_id, approval_request_id = n.approval_request_id,
           governance_decision = n.governance_decision, event_id = n.event_id, notification_id = n.notification_id,
           error_reason = n.error_reason, error_message = n.error_message, input_payload = n.input_payload,
           output_payload = n.output_payload, evidence = n.evidence, alarms = n.alarms
      from fence, jsonb_populate_recordset(null::step_runs, fence.doc -> 'steps') n
     where s.run_id = fence.id and s.step_id = n.step_id
)

-- name: apply_added
added as (
    insert into step_runs
        (run_id, step_id, position, workspace_id, state, attempt, retry_count, started_at, completed_at, deadline_at,
         retry_at, cost_usd, settled_cost_usd, step_type, step_name, objective_id, agent_id, delegation_id,
         approval_request_id, governance_decision, event_id, notification_id, error_reason, error_message,
         input_payload, output_payload, evidence, alarms)
    select fence.id, n.step_id, (fence.doc -> 'known')::integer + n.ordinality - 1, fence.workspace_id, n.state,
           n.attempt, n.retry_count, n.started_at, n.completed_at, n.deadline_at, n.retry_at, n.cost_usd,
           n.settled_cost_usd, n.step_type, n.step_name, n.objective_id, n.agent_id, n.delegation_id,
           n.approval_request_id, n.governance_decision, n.event_id, n.notification_id, n.error_reason,
           n.error_message, n.input_payload, n.output_payload, n.evidence, n.alarms
      from fence, jsonb_populate_recordset(null::step_runs, fence.doc -> 'added') with ordinality n
)

-- name: apply_items
items as (
    insert into step_items
        (run_id, step_id, workspace_id, state, attempt, retry_count, started_at, completed_at, deadline_at, retry_at,
         cost_usd, settled_cost_usd, step_type, step_name, objective_id, agent_id, delegation_id, approval_request_id,
         governance_decision, event_id, notification_id, error_reason, error_message, input_payload, output_payload,
         evidence, alarms)
    select fence.id, n.step_id, fence.workspace_id, n.state, n.attempt, n.retry_count, n.started_at, n.completed_at,
           n.deadline_at, n.retry_at, n.cost_usd, n.settled_cost_usd, n.step_type, n.step_name, n.objective_id,
           n.agent_id, n.delegation_id, n.approval_request_id, n.governance_decision, n.event_id, n.notification_id,
           n.error_reason, n.error_message, n.input_payload, n.output_payload, n.evidence, n.alarms
      from fence, jsonb_populate_recordset(null::step_items, fence.doc -> 'items') n
        on conflict (run_id, step_id) do update
       set state = excluded.state, attempt = excluded.attempt, retry_count = excluded.retry_count,
           started_at = excluded.started_at, completed_at = excluded.completed_at, deadline_at = excluded.deadline_at,
           retry_at = excluded.retry_at, cost_usd = excluded.cost_usd, settled_cost_usd = excluded.settled_cost_usd,
           objective_id = excluded.objective_id, agent_id = excluded.agent_id, delegation_id = excluded.delegation_id,
           approval_request_id = excluded.approval_request_id, governance_decision = excluded.governance_decision,
           event_id = excluded.event_id, notification_id = excluded.notification_id,
           error_reason = excluded.error_reason, error_message = excluded.error_message,
           input_payload = excluded.input_payload, output_payload = excluded.output_payload,
           evidence = excluded.evidence, alarms = excluded.alarms
)

-- name: apply_tasks
tasks as (
    insert into human_tasks
        (run_id, step_id, workspace_id, definition_id, attempt, status, title, instructions, form_schema, assignee,
         "group", due_at, remind_at, claimed_by, completed_by, version, opened_at, closed_at)
    select fence.id, n.step_id, fence.workspace_id, fence.definition_id, n.attempt, n.status, n.title, n.instructions,
           n.form_schema, n.assignee, n."group", n.due_at, n.remind_at, n.claimed_by, n.completed_by, n.version,
           n.opened_at, n.closed_at
      from fence, jsonb_populate_recordset(null::human_tasks, fence.doc -> 'tasks') n
        on conflict (run_id, step_id) do update
       set attempt = excluded.attempt, status = excluded.status, title = excluded.title,
           instructions = excluded.instructions, form_schema = excluded.form_schema, assignee = excluded.assignee,
           "group" = excluded."group", due_at = excluded.due_at, remind_at = excluded.remind_at,
           claimed_by = excluded.claimed_by, completed_by = excluded.completed_by, version = excluded.version,
           opened_at = excluded.opened_at, closed_at = excluded.closed_at
)

-- name: apply_interactions
said as (
    insert into interactions (run_id, step_id, kind, author, text, body, workspace_id)
    select fence.id, n.step_id, n.kind, n.author, n.text, n.body, fence.workspace_id
      from fence, jsonb_populate_recordset(null::interactions, fence.doc -> 'interactions') n
)

-- name: apply_changes
recorded as (
    insert into changes
        (stream_id, sequence, shard, aggregate, operation, step_id, workspace_id, actor, cause, trace, recorded_at,
         data)
    select fence.id, n.sequence, (fence.doc -> 'shard')::smallint, n.aggregate, n.operation, n.step_id,
           fence.workspace_id, n.actor, n.cause, n.trace, n.recorded_at, n.data
      from fence, jsonb_populate_recordset(null::changes, fence.doc -> 'changes') n
)

-- name: apply_effects
owed as (
    insert into run_effects
        (run_id, effect_id, step_id, attempt, kind, request, trace, workspace_id, due_at, lease_token, lease_until)
    select fence.id, n.effect_id, n.step_id, n.attempt, n.kind, n.request, n.trace, fence.workspace_id,
           now() + n.delay * interval '1 second',
           case when n.delay > 0 then 0 else 1 end,
           case when n.delay > 0 then null else now() + (fence.doc -> 'lease')::float8 * interval '1 second' end
      from fence,
           jsonb_to_recordset(fence.doc -> 'effects')
               n(effect_id text, step_id text, attempt integer, kind text, request bytea, trace text, delay float8)
        on conflict do nothing
)

-- name: apply_settled
settled as (
    delete from run_effects e
     using fence, jsonb_array_elements_text(fence.doc -> 'settled') n(effect_id)
     where e.run_id = fence.id and e.effect_id = n.effect_id
)

-- name: apply_postponed
postponed as (
    update run_effects e
       set due_at = now() + n.delay * interval '1 second', tries = e.tries + 1, lease_until = null,
           last_error = n.last_error
      from fence, jsonb_to_recordset(fence.doc -> 'postponed') n(effect_id text, delay float8, last_error text)
     where e.run_id = fence.id and e.effect_id = n.effect_id
)

-- name: apply_opened
opened as (
    insert into run_waits (run_id, step_id, address, workspace_id)
    select fence.id, n.step_id, n.address, fence.workspace_id
      from fence, jsonb_populate_recordset(null::run_waits, fence.doc -> 'opened') n
        on conflict do nothing
)

-- name: apply_closed
closed as (
    delete from run_waits w
     using fence, jsonb_to_recordset(fence.doc -> 'closed') n(step_id text, address text)
     where w.run_id = fence.id and w.step_id = n.step_id and w.address = n.address
)

-- name: apply_causes
caused as (
    insert into run_causes (run_id, cause, digest, sequence, workspace_id)
    select fence.id, n.cause, n.digest, fence.sequence, fence.workspace_id
      from fence, jsonb_populate_recordset(null::run_causes, fence.doc -> 'causes') n
)

-- name: apply_audits
audited as (
    insert into run_audit (run_id, step_id, command, reason, message, actor, cause, workspace_id)
    select fence.id, n.step_id, n.command, n.reason, n.message, n.actor, n.cause, fence.workspace_id
      from fence, jsonb_populate_recordset(null::run_audit, fence.doc -> 'audits') n
)

-- name: apply_done
select number, clock_timestamp() as now, version from fence

-- name: start_key
key as (
    insert into start_keys (workspace_id, scope, key, digest, run_id, sequence)
    select n.workspace_id, n.scope, n.key, n.digest, docs.id, n.sequence
      from docs, jsonb_populate_record(null::start_keys, docs.doc -> 'key') n
        on conflict do nothing
 returning run_id as id
)

-- name: start_fence
created as (
    insert into workflow_runs
        (id, version, sequence, state, wake_at, started_at, completed_at, deadline_at, total_cost_usd, failure_reason,
         failure_message, workspace_id, definition_id, definition_version, trigger_type, trigger_event_id,
         initiator_agent_id, initiator_user_id, parent_run_id, parent_step_id, parent_attempt, depth, chain,
         entity_id, entity_type, input_payload, output_payload, pauses, compensation, forked_from, forked_step,
         max_seconds, schema_revision)
    select docs.id, 1, n.sequence, n.state, n.wake_at, n.started_at, n.completed_at, n.deadline_at,
           n.total_cost_usd, n.failure_reason, n.failure_message, n.workspace_id, n.definition_id,
           n.definition_version, n.trigger_type, n.trigger_event_id, n.initiator_agent_id, n.initiator_user_id,
           n.parent_run_id, n.parent_step_id, n.parent_attempt, n.depth, n.chain, n.entity_id, n.entity_type,
           n.input_payload, n.output_payload, n.pauses, n.compensation, n.forked_from, n.forked_step,
           n.max_seconds, n.schema_revision
      from key join docs using (id), jsonb_populate_record(null::workflow_runs, docs.doc -> 'run') n
 returning id, workspace_id, definition_id, version, sequence
), fence as (
    select created.*, docs.number, docs.doc from created join docs using (id)
)

-- name: start_winner
select clock_timestamp() as now, run_id, digest, sequence
  from start_keys
 where workspace_id = $1 and scope = $2 and key = $3

-- name: run_tree
with recursive line as (
    select id, parent_run_id from workflow_runs where id = $1
     union all
    select p.id, p.parent_run_id from line join workflow_runs p on p.id = line.parent_run_id
), root as (
    select id from line where not exists (select from workflow_runs p where p.id = line.parent_run_id)
), tree as (
    select id from root
     union all
    select c.id from tree join workflow_runs c on c.parent_run_id = tree.id and c.parent_run_id <> ''
)
select root.id, (select count(*) from (select from tree limit $2) counted)
  from root

-- name: version_get
select v.id, v.definition_id, v.workspace_id, v.version, v.steps, v.edges, v.trigger, v.default_retry_policy,
       v.timeout_seconds, v.author, v.created_at,
       (select jsonb_build_object('revision', s.revision, 'input', s.input_schema, 'output', s.output_schema)
          from version_schemas s
         where s.definition_id = v.definition_id and s.version = v.version and s.revision = $3) as schemas
  from workflow_versions v
 where v.definition_id = $1 and v.version = $2

-- name: run_history
select sequence, data
  from changes
 where stream_id = $1
   and sequence between (select max(sequence) from changes
                          where stream_id = $1 and sequence <= $2 and aggregate = 'run') and $2
 order by sequence

-- name: clock
select clock_timestamp()
