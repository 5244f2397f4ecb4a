-- What is owed and what is due, claimed in batches under leases on the database's clock. A claim updates by the places of
-- the rows it has locked: a planner that is not told the limit would read the whole table to find so many by their keys.

-- name: effects_due
due as materialized (
    select ctid as place, run_id, effect_id, lease_until is not null as held_before, '' as next
      from run_effects
     where greatest(due_at, lease_until) <= now()
     order by greatest(due_at, lease_until)
     limit $1
       for update skip locked
)

-- name: effects_due_to_stop
due as materialized (
    select ctid as place, run_id, effect_id, lease_until is not null as held_before, '' as next
      from run_effects
     where kind in ('CancelChild', 'CancelObjective', 'PauseChild') and greatest(due_at, lease_until) <= now()
     order by greatest(due_at, lease_until)
     limit $1
       for update skip locked
)

-- name: effects_due_in_turn
-- A walk from one workspace to the next, beginning behind $3: each has an equal share of the claim, and what they leave
-- goes to the longest due. Rows are compared as a whole, so that no index looks as good as the one of the shares. `next`
-- is where the next walk begins; empty when this one came to the end.
recursive turns (workspace_id, number) as (
    (select workspace_id, 1 from run_effects where workspace_id > $3 order by workspace_id limit 1)
    union all
    select following.workspace_id, number + 1
      from turns,
           lateral (select e.workspace_id
                      from run_effects e
                     where e.workspace_id > turns.workspace_id
                     order by e.workspace_id
                     limit 1) following
     where number < $1
), shares as materialized (
    select share.*
      from turns,
           lateral (select ctid as place, run_id, effect_id, lease_until is not null as held_before
                      from run_effects
                     where (workspace_id, greatest(due_at, lease_until)) >= (turns.workspace_id, '-infinity')
                       and (workspace_id, greatest(due_at, lease_until)) <= (turns.workspace_id, now())
                     order by workspace_id, greatest(due_at, lease_until)
                     limit greatest($1 / (select count(*) from turns), 1)
                       for update skip locked) share
), others as materialized (
    select ctid as place, run_id, effect_id, lease_until is not null as held_before
      from run_effects
     where greatest(due_at, lease_until) <= now()
       and (run_id, effect_id) not in (select run_id, effect_id from shares)
     order by greatest(due_at, lease_until)
     limit $1 - (select count(*) from shares)
       for update skip locked
), due as materialized (
    select *, coalesce((select workspace_id from turns where number = $1), '') as next
      from (select * from shares union all select * from others) both_of_them
)

-- name: effects_claim
update run_effects e
   set lease_token = e.lease_token + 1, lease_until = now() + $2::float8 * interval '1 second'
  from due
 where e.ctid = any (array(select place from due)) and e.run_id = due.run_id and e.effect_id = due.effect_id
returning e.run_id, e.workspace_id, e.request, e.trace, e.effect_id, e.step_id, e.attempt, e.kind, e.lease_token, e.tries,
          due.held_before, due.next

-- name: runs_claim_due
with due as materialized (
    select ctid as place
      from workflow_runs
     where wake_at <= now()
     order by wake_at
     limit $1
       for update skip locked
)
update workflow_runs r
   set wake_at = now() + $2::float8 * interval '1 second'
 where r.ctid = any (array(select place from due))
returning r.id, coalesce((select trace from changes where stream_id = r.id and sequence = 1), '')

-- name: orphan_drop
delete from run_effects
 where run_id = $1 and effect_id = $2 and not exists (select from workflow_runs where id = $1)
returning 1

-- name: keys_expire
-- By places, like a claim.
with old_causes as materialized (
    select ctid as place from run_causes
     where cause like 'rpc:%' and at < now() - $1::float8 * interval '1 second'
     limit $2 for update skip locked
), causes as (
    delete from run_causes where ctid = any (array(select place from old_causes)) returning 1
), old_starts as materialized (
    select ctid as place from start_keys
     where scope like 'rpc:%' and created_at < now() - $1::float8 * interval '1 second'
     limit $2 for update skip locked
), starts as (
    delete from start_keys where ctid = any (array(select place from old_starts)) returning 1
), old_answers as materialized (
    select ctid as place from rpc_answers
     where created_at < now() - $1::float8 * interval '1 second'
     limit $2 for update skip locked
), answers as (
    delete from rpc_answers where ctid = any (array(select place from old_answers)) returning 1
)
select (select count(*) from causes) + (select count(*) from starts) + (select count(*) from answers)
