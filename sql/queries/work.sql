-- What is owed and what is due, claimed in batches under leases on the database's clock.

-- name: effects_claim
with due as (
    select run_id, effect_id, lease_until is not null as held_before
      from run_effects
     where greatest(due_at, lease_until) <= now()
     order by greatest(due_at, lease_until)
     limit $1
       for update skip locked
)
update run_effects e
   set lease_token = e.lease_token + 1, lease_until = now() + $2::float8 * interval '1 second'
  from due
 where e.run_id = due.run_id and e.effect_id = due.effect_id
returning e.run_id, e.workspace_id, e.request, e.trace, e.effect_id, e.step_id, e.attempt, e.kind, e.lease_token, e.tries,
          due.held_before

-- name: runs_claim_due
with due as (
    select id
      from workflow_runs
     where wake_at <= now()
     order by wake_at
     limit $1
       for update skip locked
)
update workflow_runs r
   set wake_at = now() + $2::float8 * interval '1 second'
  from due
 where r.id = due.id
returning r.id, coalesce((select trace from changes where stream_id = r.id and sequence = 1), '')

-- name: orphan_drop
delete from run_effects
 where run_id = $1 and effect_id = $2 and not exists (select from workflow_runs where id = $1)
returning 1

-- name: keys_expire
with old_causes as (
    select run_id, cause from run_causes
     where cause like 'rpc:%' and at < now() - $1::float8 * interval '1 second'
     limit $2 for update skip locked
), causes as (
    delete from run_causes c using old_causes o where c.run_id = o.run_id and c.cause = o.cause returning 1
), old_starts as (
    select workspace_id, scope, key from start_keys
     where scope like 'rpc:%' and created_at < now() - $1::float8 * interval '1 second'
     limit $2 for update skip locked
), starts as (
    delete from start_keys k using old_starts o
     where k.workspace_id = o.workspace_id and k.scope = o.scope and k.key = o.key returning 1
), old_answers as (
    select workspace_id, caller, key from rpc_answers
     where created_at < now() - $1::float8 * interval '1 second'
     limit $2 for update skip locked
), answers as (
    delete from rpc_answers a using old_answers o
     where a.workspace_id = o.workspace_id and a.caller = o.caller and a.key = o.key returning 1
)
select (select count(*) from causes) + (select count(*) from starts) + (select count(*) from answers)
