-- What operators ask about runs, under the role that sees one workspace. '*', '', '{}', 0 and null match everything.

-- name: run_owed
select step_id, kind, tries, last_error, greatest(due_at, lease_until)
  from run_effects
 where run_id = $1
 order by tries desc, due_at, effect_id
 limit 200

-- name: run_events
select r.completed_at is not null and coalesce(max(c.sequence) over (), $2) >= r.sequence as ended,
       c.sequence, c.aggregate, c.operation, c.step_id, c.actor, c.cause, c.recorded_at, c.published_at
  from workflow_runs r
  left join lateral (
       select sequence, aggregate, operation, step_id, actor, cause, recorded_at, published_at
         from changes
        where stream_id = r.id and sequence > $2
        order by sequence
        limit $3) c on true
 where r.id = $1
 order by c.sequence

-- name: run_audits
select id, step_id, command, reason, message, actor, cause, at
  from run_audit
 where run_id = $1 and id > $2
 order by id
 limit $3

-- name: runs_matching
matching as (
select r.*
  from workflow_runs r
 where ($1 = '*' or r.workspace_id = $1)
   and ($2 = '' or r.definition_id = $2)
   and ($3 = 0 or r.definition_version = $3)
   and ($4::text[] = '{}' or r.state = any($4))
   and ($5::boolean is null or (r.completed_at is not null) = $5)
   and ($6 = '' or r.entity_id = $6)
   and ($7 = '' or r.entity_type = $7)
   and ($8 = '' or r.initiator_agent_id = $8)
   and ($9 = '' or r.initiator_user_id = $9)
   and ($10 = '' or r.parent_run_id = $10)
   and ($11 = '' or r.failure_reason = $11)
   and ($12 = '' or r.definition_id in (select id from workflow_definitions where tags @> array[$12]::text[]))
   and ($13::timestamptz is null or r.started_at >= $13)
   and ($14::timestamptz is null or r.started_at < $14)
   and ($16::text[] = '{}' or exists (
           select from step_runs s where s.run_id = r.id and ($15 = '' or s.step_id = $15) and s.state = any($16))))

-- name: runs_search
select array(select step_id from step_runs
              where run_id = r.id and state in ('RUNNING', 'WAITING') order by position limit 20) as open_steps,
       r.id, r.workspace_id, r.definition_id, r.definition_version, r.state, r.trigger_type, r.trigger_event_id,
       r.initiator_agent_id, r.initiator_user_id, r.parent_run_id, r.parent_step_id, r.parent_attempt, r.depth,
       r.chain, r.entity_id, r.entity_type, '{}'::jsonb as input_payload, '{}'::jsonb as output_payload,
       r.total_cost_usd, r.failure_reason, left(r.failure_message, 500), r.started_at, r.completed_at, r.deadline_at,
       r.pauses, r.parent_word, r.compensation, r.forked_from, r.forked_step, r.max_seconds,
       r.schema_revision, r.version, r.sequence
  from matching r
 where $17 = '' or r.id < $17
 order by r.id desc
 limit $18

-- name: runs_count
select count(*), coalesce(max(id), '')
  from matching

-- name: runs_targets
select id, state, sequence
  from matching
 where id > $17 and id <= $18
 order by id
 limit $19
