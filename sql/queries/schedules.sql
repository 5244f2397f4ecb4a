-- Schedules: claimed on the database's clock, moved on behind the tick they stood at, and what operators set and see.

-- name: schedules_claim
with due as (
    select definition_id
      from schedules
     where paused_at is null and greatest(due_at, lease_until) <= now()
     order by greatest(due_at, lease_until)
     limit $1
       for update skip locked
), freed as (
    select definition_id
      from schedules s
     where buffered_at is not null and paused_at is null and (lease_until is null or lease_until <= now())
       and coalesce((select completed_at is not null from workflow_runs where id = s.last_run_id), true)
     limit $1
       for update skip locked
)
update schedules s
   set lease_until = now() + $2::float8 * interval '1 second'
 where definition_id in (select definition_id from due union select definition_id from freed)
returning now(), coalesce((select completed_at is null from workflow_runs where id = s.last_run_id), false),
          (select enabled from workflow_definitions where id = s.definition_id),
          definition_id, workspace_id, cron_expr, timezone, overlap, catch_up_seconds, jitter_seconds, paused_at,
          paused_by, pause_reason, next_at, due_at, buffered_at, last_tick_at, last_run_id, missed, skipped, version

-- name: schedule_ran
update schedules
   set last_tick_at = $2, last_run_id = $3
 where definition_id = $1 and (last_tick_at is null or last_tick_at <= $2)

-- name: schedule_move
update schedules
   set next_at = $4, due_at = $5, buffered_at = $6, missed = missed + $7, skipped = skipped + $8, lease_until = null
 where definition_id = $1 and next_at = $2 and buffered_at is not distinct from $3

-- name: schedule_lock
select now(), definition_id, workspace_id, cron_expr, timezone, overlap, catch_up_seconds, jitter_seconds,
       paused_at, paused_by, pause_reason, next_at, due_at, buffered_at, last_tick_at, last_run_id, missed, skipped,
       version
  from schedules
 where definition_id = $1
   for update

-- name: schedule_put
insert into schedules
    (definition_id, workspace_id, cron_expr, timezone, overlap, catch_up_seconds, jitter_seconds, paused_at,
     paused_by, pause_reason, next_at, due_at, buffered_at, version)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    on conflict (definition_id) do update
   set cron_expr = excluded.cron_expr, timezone = excluded.timezone, overlap = excluded.overlap,
       catch_up_seconds = excluded.catch_up_seconds, jitter_seconds = excluded.jitter_seconds,
       paused_at = excluded.paused_at, paused_by = excluded.paused_by, pause_reason = excluded.pause_reason,
       next_at = excluded.next_at, due_at = excluded.due_at, buffered_at = excluded.buffered_at,
       version = excluded.version

-- name: schedule_remove
delete from schedules where definition_id = $1

-- name: schedule_get
select now(), definition_id, workspace_id, cron_expr, timezone, overlap, catch_up_seconds, jitter_seconds,
       paused_at, paused_by, pause_reason, next_at, due_at, buffered_at, last_tick_at, last_run_id, missed, skipped,
       version
  from schedules
 where definition_id = $1

-- name: schedules_list
with chosen as materialized (
    select definition_id from schedules where $1 = '*' or workspace_id = $1
), page as (
    select definition_id from chosen order by definition_id desc limit $2 offset $3
)
select (select count(*) from chosen) as total,
       s.definition_id, s.workspace_id, s.cron_expr, s.timezone, s.overlap, s.catch_up_seconds, s.jitter_seconds,
       s.paused_at, s.paused_by, s.pause_reason, s.next_at, s.due_at, s.buffered_at, s.last_tick_at, s.last_run_id,
       s.missed, s.skipped, s.version
  from (select 1) one
  left join page on true
  left join schedules s on s.definition_id = page.definition_id
 order by s.definition_id desc
