-- What starts definitions by itself, and what was routed to them. Routing writes `trigger_deliveries` in events.sql.

-- name: trigger_put
insert into trigger_index (definition_id, workspace_id, version, address, enabled)
select id, workspace_id, latest_version, $2, enabled from workflow_definitions where id = $1
    on conflict (definition_id) do update
   set version = excluded.version, address = excluded.address

-- name: trigger_remove
delete from trigger_index where definition_id = $1

-- name: trigger_enable
update trigger_index set enabled = $2 where definition_id = $1

-- name: triggers_scheduled
select definition_id
  from trigger_index
 where workspace_id = $1 and enabled and ((address = $2) or ($2 = 'cron:' and address >= 'cron:' and address < 'cron;'))

-- name: deliveries_claim
-- By their places, as in work.sql.
with due as materialized (
    select ctid as place
      from trigger_deliveries
     where outcome = '' and due_at <= now()
     order by due_at
     limit $1
       for update skip locked
)
update trigger_deliveries d
   set tries = d.tries + 1, due_at = now() + $2::float8 * power(2, least(d.tries, 6)) * interval '1 second'
 where d.ctid = any (array(select place from due))
returning d.workspace_id, d.source, d.event_id, d.definition_id

-- name: delivery_end
update trigger_deliveries
   set outcome = $5, run_id = $6, sequence = $7
 where workspace_id = $1 and source = $2 and event_id = $3 and definition_id = $4 and outcome = ''

-- name: delivery_drop
delete from trigger_deliveries
 where workspace_id = $1 and source = $2 and event_id = $3 and definition_id = $4 and outcome = ''

-- name: delivery_postpone
update trigger_deliveries
   set due_at = now() + least(power(2, least(tries, 7) - 1), 60) * interval '1 second'
 where workspace_id = $1 and source = $2 and event_id = $3 and definition_id = $4 and outcome = ''

-- name: deliveries_of_event
select workspace_id, source, event_id, definition_id, outcome, run_id, sequence
  from trigger_deliveries
 where workspace_id = $1 and source = $2 and event_id = $3
 order by definition_id

-- name: runs_moved
select run_id, sequence
  from run_causes
 where workspace_id = $1 and cause = $2 and cause like 'event:rpc/%'
 order by run_id

-- name: event_is_owed
select 1
  from run_effects
 where workspace_id = $1 and kind = 'Deliver'
   and effect_id = 'deliver/' || left(encode(sha256(convert_to($2 || e'\n' || $3, 'UTF8')), 'hex'), 32)
 limit 1

-- name: answer_claim
with claimed as (
    insert into rpc_answers (workspace_id, caller, key, method, digest, response) values ($1, $2, $3, $4, $5, '')
        on conflict do nothing
 returning 1
)
select method, digest, response
  from rpc_answers
 where workspace_id = $1 and caller = $2 and key = $3 and not exists (select from claimed)

-- name: answer_complete
update rpc_answers set response = $4 where workspace_id = $1 and caller = $2 and key = $3
