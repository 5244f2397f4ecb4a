-- What operators see of the bus and ask of it. '*', '' and null in a filter match everything.

-- name: letters_list
with chosen as materialized (
    select id
      from dead_letters
     where ($1 = '*' or workspace_id = $1)
       and ($2 = '' or reason = $2)
       and ($3::timestamptz is null or received_at >= $3)
), page as (
    select id from chosen order by id desc limit $4 offset $5
)
select (select count(*) from chosen) as total,
       l.id, l.workspace_id, l.bus_subject, l.reason, l.received_at, length(l.raw), l.replayed_at, l.outcome,
       l.outcome_reason
  from (select 1) one
  left join page on true
  left join dead_letters l on l.id = page.id
 order by l.id desc

-- name: letter_get
select id, workspace_id, bus_subject, reason, received_at, length(raw), replayed_at, outcome, outcome_reason,
       headers, raw
  from dead_letters
 where id = $1

-- name: letter_replayed
update dead_letters
   set replayed_at = now(), outcome = $2, outcome_reason = $3
 where id = $1
returning id, workspace_id, bus_subject, reason, received_at, length(raw), replayed_at, outcome, outcome_reason

-- name: letter_discard
delete from dead_letters where id = $1 and ($2 = '*' or workspace_id = $2) returning 1

-- name: letters_expire
with old as materialized (
    select ctid as place from dead_letters where received_at < now() - $1::float8 * interval '1 second' limit $2
       for update skip locked
)
delete from dead_letters where ctid = any (array(select place from old))
returning 1

-- name: events_list
-- A page is read off the index of arrivals; counting stops early, since a week of events may be many.
with chosen as (
    select workspace_id, source, event_id, type, subject, bus_subject, received_at, routed_at,
           case when body is null then 'FADED' when routed_at is null or kept then 'BUFFERED' else 'ROUTED' end as state
      from bus_events
     where workspace_id = $1
       and starts_with(type, $2)
       and ($4::timestamptz is null or received_at >= $4)
), page as (
    select * from chosen where $3 = '' or state = $3
     order by received_at desc, source, event_id limit $5 offset $6
)
select (select count(*) from (select from chosen where $3 = '' or state = $3 limit 10000) c) as total, page.*
  from (select 1) one
  left join page on true
 order by page.received_at desc, page.source, page.event_id

-- name: event_open
select workspace_id, source, event_id, type, subject, bus_subject, received_at, routed_at,
       case when body is null then 'FADED' when routed_at is null or kept then 'BUFFERED' else 'ROUTED' end as state,
       body ->> 'time', body -> 'payload'
  from bus_events
 where workspace_id = $1 and source = $2 and event_id = $3

-- name: event_routed
select routed_at is not null from bus_events where workspace_id = $1 and source = $2 and event_id = $3

-- name: changes_republish
-- Of one shard, so that all of a stream is unmarked at once and goes out in its order.
with unmarked as (
    update changes c
       set published_at = null
     where c.shard = $1::smallint and c.published_at between $2::timestamptz and now()
       and ($3 = '*' or c.workspace_id = $3)
       and ($4 = '' or c.stream_id = $4
            or exists (select from workflow_runs r where r.id = c.stream_id and r.definition_id = $4))
       and ($5 = '' or c.stream_id = $5)
 returning 1
)
select count(*) from unmarked

-- name: changes_republishable
select count(*)
  from changes c
 where c.published_at between $1::timestamptz and now()
   and ($2 = '*' or c.workspace_id = $2)
   and ($3 = '' or c.stream_id = $3
        or exists (select from workflow_runs r where r.id = c.stream_id and r.definition_id = $3))
   and ($4 = '' or c.stream_id = $4)
