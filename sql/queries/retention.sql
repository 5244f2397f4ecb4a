-- Policies, holds, and purging: one transaction per batch, whose statements each see what was committed before them.

-- name: policies_list
select workspace_id, state, keep_seconds, set_by, updated_at
  from retention_policies
 where $1 = '*' or workspace_id in ($1, '*')
 order by workspace_id, state

-- name: policy_set
insert into retention_policies (workspace_id, state, keep_seconds, set_by) values ($1, $2, $3, $4)
    on conflict (workspace_id, state) do update set keep_seconds = excluded.keep_seconds, set_by = excluded.set_by
returning workspace_id, state, keep_seconds, set_by, updated_at

-- name: policy_delete
delete from retention_policies where workspace_id = $1 and state = $2 returning 1

-- name: hold_lock
-- A purge has either locked the run before, and then it is gone here, or it waits for nobody and leaves the run alone.
select workspace_id from workflow_runs where id = $1 for key share

-- name: hold_put
-- The hold that there is, also where somebody makes it at this very moment, or a new one.
insert into run_holds as h (run_id, workspace_id, reason, held_by) values ($1, $2, $3, $4)
    on conflict (run_id) do update set run_id = h.run_id
returning run_id, workspace_id, reason, held_by, held_at

-- name: hold_remove
delete from run_holds where run_id = $1 returning run_id, workspace_id, reason, held_by, held_at

-- name: holds_list
with chosen as materialized (
    select run_id from run_holds where $1 = '*' or workspace_id = $1
), page as (
    select h.run_id, h.held_at from chosen join run_holds h using (run_id)
     order by h.held_at desc, h.run_id limit $2 offset $3
)
select (select count(*) from chosen) as total, h.run_id, h.workspace_id, h.reason, h.held_by, h.held_at
  from (select 1) one
  left join page on true
  left join run_holds h on h.run_id = page.run_id
 order by h.held_at desc, h.run_id

-- name: purges_list
with page as (
    select id, workspace_id, purged_at, purged_by, policy, runs from purges
     where $1 = '*' or workspace_id = $1
     order by id desc limit $2 offset $3
)
select (select count(*) from purges where $1 = '*' or workspace_id = $1) as total,
       page.id, page.workspace_id, page.purged_at, page.purged_by, page.policy, page.runs
  from (select 1) one
  left join page on true
 order by page.id desc

-- name: turn_take
update retention_turn
   set holder = $1, free_at = now() + $2::float8 * interval '1 second'
 where holder = $1 or free_at <= now()
returning 1

-- name: turn_end
update retention_turn set holder = '', free_at = now() + $2::float8 * interval '1 second' where holder = $1

-- name: turn_hurry
update retention_turn set free_at = now() where holder = ''

-- name: purge_workspaces
-- From one workspace to the next in the index, however many runs each of them has.
with recursive known as (
    (select workspace_id from workflow_runs where completed_at is not null order by workspace_id limit 1)
    union all
    select (select workspace_id from workflow_runs
             where completed_at is not null and workspace_id > known.workspace_id order by workspace_id limit 1)
      from known
     where known.workspace_id is not null
)
select workspace_id from known where workspace_id is not null

-- name: purge_walk
-- The next ended runs of a workspace, oldest first, each with its own cut where it is old enough and heads a family.
with cuts as materialized (
    select state, coalesce(before, now() - seconds * interval '1 second') as cut
      from jsonb_to_recordset($2::jsonb) as c(state text, seconds float8, before timestamptz)
), walked as materialized (
    select id, state, completed_at, parent_run_id
      from workflow_runs
     where workspace_id = $1 and completed_at is not null
       and completed_at < (select max(cut) from cuts)
       and (completed_at, id) > ($3::timestamptz, $4::text)
     order by completed_at, id
     limit $5
)
select w.id, w.completed_at,
       case when w.completed_at < c.cut
             and not exists (select from workflow_runs p where p.id = w.parent_run_id) then c.cut end as cut
  from walked w
  left join cuts c on c.state = w.state
 order by w.completed_at, w.id

-- name: purge_families
with recursive family as (
    select r.id as head, r.id, r.version from unnest($1::text[]) h(id) join workflow_runs r using (id)
    union
    select f.head, c.id, c.version
      from family f
      join workflow_runs c on c.parent_run_id = f.id and c.parent_run_id <> ''
)
select head, id, version from family

-- name: purge_lock
-- Whoever is just changing a run is not waited for; from here on nobody else can, nor hold it.
select id from workflow_runs where id = any($1::text[]) order by id for update skip locked

-- name: purge_obstacles
-- Asked when the rows are locked, so that what was committed before is seen and nothing comes after. `offset 0` makes
-- each question a look into an index, however few rows the planner believes to find.
select r.id,
       case when r.completed_at is null then 'alive'
            when r.completed_at >= m.cut then 'young'
            when exists (select from run_holds h where h.run_id = r.id offset 0) then 'held'
            when exists (select from run_effects e where e.run_id = r.id offset 0) then 'owing'
            when exists (select from changes c left join relay_shards s using (shard)
                          where c.stream_id = r.id
                            and (c.published_at is null or c.published_at between s.lost_from and s.lost_until)
                         offset 0) then 'unpublished'
            when r.version <> m.version or exists (select from workflow_runs c
                          where c.parent_run_id = r.id and c.parent_run_id <> '' and c.id <> all($1::text[])
                         offset 0) then 'moving'
       end as obstacle
  from unnest($1::text[], $2::bigint[], $3::timestamptz[]) m(id, version, cut)
  join workflow_runs r using (id)

-- name: purge_runs
-- The keys of events and ticks stay, so that neither starts a second run. Gives how many runs went, and how many of
-- their changes somebody has just taken the mark off: then it must not be committed.
with gone as (
    delete from workflow_runs where id = any($1::text[]) returning id, workspace_id
), steps as (
    delete from step_runs where run_id = any($1::text[])
), items as (
    delete from step_items where run_id = any($1::text[])
), tasks as (
    delete from human_tasks where run_id = any($1::text[])
), said as (
    delete from interactions where run_id = any($1::text[])
), waits as (
    delete from run_waits where run_id = any($1::text[])
), causes as (
    delete from run_causes where run_id = any($1::text[])
), audits as (
    delete from run_audit where run_id = any($1::text[])
), recorded as (
    delete from changes where stream_id = any($1::text[]) returning published_at
), own_keys as (
    delete from start_keys k
     using gone
     where k.workspace_id = gone.workspace_id and k.scope = 'once' and k.key = gone.id
), child_keys as (
    delete from start_keys k
     using gone
     where k.workspace_id = gone.workspace_id and k.scope = 'child'
       and k.key >= gone.id || '/' and k.key < gone.id || '0'
)
select (select count(*) from gone), (select count(*) from recorded where published_at is null)

-- name: purge_note
insert into purges (workspace_id, purged_by, policy, runs) values ($1, $2, $3::jsonb, $4)
