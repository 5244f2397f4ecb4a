-- What is there to be done, counted for the metrics: never what has ended, however much that is.

-- name: census_runs
select state, count(*) from workflow_runs where completed_at is null group by state

-- name: census_steps
-- Run by run, whatever the planner believes (offset 0): the other way round it would read the steps of every run.
with unfinished as materialized (
    select id from workflow_runs where completed_at is null
)
select s.state, count(*)
  from unfinished
 cross join lateral (select state from step_runs where run_id = unfinished.id offset 0) s
 where s.state in ('PENDING', 'RUNNING', 'WAITING')
 group by s.state

-- name: census_work
-- Ages in seconds, of what has waited longest; 0 where nothing waits.
select (select count(*) from human_tasks where closed_at is null),
       (select count(*) from changes where published_at is null),
       (select date_part('epoch', clock_timestamp() - min(recorded_at)) from changes where published_at is null),
       (select count(*) from run_effects),
       (select date_part('epoch', clock_timestamp() - min(greatest(due_at, lease_until))) from run_effects),
       (select date_part('epoch', clock_timestamp() - min(wake_at)) from workflow_runs where wake_at is not null),
       (select date_part('epoch', clock_timestamp() - min(due_at)) from trigger_deliveries where outcome = ''),
       (select date_part('epoch', clock_timestamp() - min(greatest(due_at, lease_until)))
          from schedules where paused_at is null),
       (select count(*) from dead_letters where replayed_at is null)

-- name: database_facts
select current_setting('server_version'),
       array(select name from unnest($1::text[]) name where to_regclass(name) is null order by name)

-- name: schema_version
select max(version) from schema_migrations

-- name: room_tried
-- Always taken back. Too random to be compressed, so that it needs room of its own.
insert into dead_letters (bus_subject, raw, headers, reason) values ('', $1, '{}', 'room_tried')
