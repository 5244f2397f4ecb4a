-- People's tasks, under the role that sees one workspace. '*', '' and null in a filter match everything.

-- name: task_get
select run_id, workspace_id, definition_id,
       (select to_json(f) from (
            select step_id, attempt, status, title, instructions, form_schema, assignee, "group", due_at, remind_at,
                   claimed_by, completed_by, version, opened_at, closed_at) f) as task,
       (select json_agg(c) from (
            select author, text, at from interactions
             where run_id = $1 and step_id = $2 and kind = 'comment' order by id) c) as comments
  from human_tasks
 where run_id = $1 and step_id = $2

-- name: tasks_list
with chosen as materialized (
    select run_id, step_id, created_at
      from human_tasks
     where ($1 = '*' or workspace_id = $1)
       and ($2 = '' or assignee = $2)
       and ($3 = '' or "group" = $3)
       and ($4 = '' or claimed_by = $4)
       and ($5 = '' or (status = $5 and (closed_at is null) = ($5 in ('OPEN', 'CLAIMED'))))
       and ($6::timestamptz is null or due_at < $6)
), page as (
    select * from chosen order by created_at desc, run_id desc, step_id limit $7 offset $8
)
select (select count(*) from chosen) as total,
       t.run_id, t.workspace_id, t.definition_id,
       (select to_json(f) from (
            select t.step_id, t.attempt, t.status, t.title, t.instructions, t.form_schema, t.assignee, t."group",
                   t.due_at, t.remind_at, t.claimed_by, t.completed_by, t.version, t.opened_at, t.closed_at) f) as task,
       (select json_agg(c) from (
            select author, text, at from interactions i
             where i.run_id = t.run_id and i.step_id = t.step_id and i.kind = 'comment' order by id) c) as comments
  from (select 1) one
  left join page on true
  left join human_tasks t on t.run_id = page.run_id and t.step_id = page.step_id
 order by t.created_at desc, t.run_id desc, t.step_id
