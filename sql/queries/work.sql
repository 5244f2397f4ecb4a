-- What is owed and what is due, claimed in batches under leases on the database's clock.

-- name: effects_claim
with due as (
    select run_id, effect_id
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
returning e.run_id, e.workspace_id, e.request, e.effect_id, e.step_id, e.attempt, e.kind, e.lease_token, e.tries

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
returning r.id
