-- The inbox. Deliveries are found in three ways and owed in one: `found` differs, `events_owed` is shared.
-- $1 is always the lease in seconds.

-- name: events_keep
with given as (
    select * from jsonb_populate_recordset(null::bus_events, $1::jsonb)
), fresh as (
    insert into bus_events (workspace_id, source, event_id, digest, type, subject, bus_subject, about, trace, body)
    select workspace_id, source, event_id, digest, type, subject, bus_subject, about, trace, body from given
        on conflict do nothing
 returning workspace_id, source, event_id
), correlated as (
    select k.workspace_id, k.type, jsonb_agg(distinct jsonb_build_array(a.pattern, c.correlate)) as awaited
      from jsonb_to_recordset($2::jsonb) as k(workspace_id text, type text, patterns text[])
      join awaited_types a on a.workspace_id = k.workspace_id and a.pattern = any(k.patterns)
     cross join unnest(a.correlates) c(correlate)
     where a.correlates <> '{}'
     group by k.workspace_id, k.type
)
select given.workspace_id, given.source, given.event_id,
       fresh.event_id is not null as is_fresh, known.digest = given.digest as same, known.routed_at is not null as done,
       coalesce(correlated.awaited, '[]') as awaited
  from given
  left join fresh using (workspace_id, source, event_id)
  left join bus_events known using (workspace_id, source, event_id)
  left join correlated on correlated.workspace_id = given.workspace_id and correlated.type = given.type

-- name: events_given
given as (
    select * from jsonb_to_recordset($2::jsonb)
        as g(workspace_id text, source text, event_id text, about text, patterns text[], correlated text[],
             correlations text[], triggers text[])
), topics as (
    select g.workspace_id, g.source, g.event_id, 'event:' || p.pattern as address
      from given g, unnest(g.patterns || g.correlated) p(pattern)
    union all
    select workspace_id, source, event_id, about from given where about <> ''
), found as (
    -- `offset 0` makes it one look into the index per topic, however many waits the planner believes to find.
    select distinct w.run_id, t.workspace_id, t.source, t.event_id
      from topics t
     cross join lateral (
           select run_id from run_waits where workspace_id = t.workspace_id and address = t.address offset 0) w
)

-- name: events_triggering
triggering as (
    select distinct g.workspace_id, g.source, g.event_id, t.definition_id
      from given g
     cross join unnest(g.triggers) a(address)
     cross join lateral (
           select definition_id from trigger_index
            where workspace_id = g.workspace_id and address = a.address and enabled offset 0) t
), delivered as (
    insert into trigger_deliveries (workspace_id, source, event_id, definition_id)
    select workspace_id, source, event_id, definition_id from triggering
        on conflict do nothing
)

-- name: events_routed
routed as (
    update bus_events e
       set routed_at = now(), kept = f.wanted and not f.matched, correlations = f.correlations,
           body = case when f.wanted or f.matched or f.triggers then e.body end
      from (
          select g.workspace_id, g.source, g.event_id, g.correlations,
                 exists (select from found
                          where found.workspace_id = g.workspace_id and found.source = g.source
                            and found.event_id = g.event_id) as matched,
                 exists (select from triggering
                          where triggering.workspace_id = g.workspace_id and triggering.source = g.source
                            and triggering.event_id = g.event_id) as triggers,
                 g.about <> '' or exists (
                     select from awaited_types a, unnest(g.patterns) p(pattern)
                      where a.workspace_id = g.workspace_id and a.pattern = p.pattern) as wanted
            from given g) f
     where e.workspace_id = f.workspace_id and e.source = f.source and e.event_id = f.event_id
)

-- name: events_fresh_waits
waits as (
    select w.run_id, w.step_id, w.address, w.workspace_id
      from unnest($3::text[], $4::text[]) o(step_id, address)
      join run_waits w on w.run_id = $2 and w.step_id = o.step_id and w.address = o.address
)

-- name: events_stale_waits
waits as materialized (
    select run_id, step_id, address, workspace_id
      from run_waits
     where ctid = any (array(
            select ctid
              from run_waits
             where not looked and opened_at < now() - $3::float8 * interval '1 second'
             order by opened_at
             limit $2))
)

-- name: events_found
-- A correlated wait knows its events by their correlations, which routing writes: those not yet routed are all handed
-- over, and the run refuses what is not meant for it. So nothing is lost between the two:
--   * keep commits the event, then route looks for waits; an apply commits the wait, then this statement looks. A wait
--     that route's snapshot misses was committed after it, so this statement, which is later still, sees the event:
--     either unrouted, or with the correlations that the very same route wrote in one row version with routed_at.
--   * Those are complete for every version that keep could see. One it could not see was published after the event had
--     come, so its runs began after it, and for them it does not count.
--   * The body is there: the pattern was in awaited_types before the run began, and route keeps what is wanted.
waiters as (
    select w.run_id, w.workspace_id, w.address, r.started_at,
           regexp_replace(substr(w.address, 7), '#[0-9a-f]{32}$', '') as pattern,
           substring(w.address from '#([0-9a-f]{32})$') as correlation
      from waits w
      join workflow_runs r on r.id = w.run_id
), met as (
    select w.*, e.source, e.event_id, e.received_at
      from waiters w
      join bus_events e on e.workspace_id = w.workspace_id and e.about = w.address
     where e.about <> '' and e.body is not null
    union all
    select w.*, e.source, e.event_id, e.received_at
      from (select * from waiters where address like 'event:%' and correlation is null) w
      join bus_events e on e.workspace_id = w.workspace_id
                       and e.type >= pattern_prefix(w.pattern) and e.type < pattern_prefix(w.pattern) || chr(1114111)
                       and e.type ~ pattern_regex(w.pattern)
     where e.body is not null
    union all
    select w.*, e.source, e.event_id, e.received_at
      from (select * from waiters where address like 'event:%' and correlation is not null) w
      join bus_events e on e.workspace_id = w.workspace_id and e.type ~ pattern_regex(w.pattern)
     where e.routed_at is null and e.body is not null
    union all
    select w.*, e.source, e.event_id, e.received_at
      from (select * from waiters where address like 'event:%' and correlation is not null) w
      join bus_events e on e.workspace_id = w.workspace_id and e.correlations @> array[w.correlation]
                       and e.type ~ pattern_regex(w.pattern)
     where e.correlations <> '{}' and e.body is not null
), found as (
    -- The difference of the times is compared, so that no index over times is preferred to the ones over names.
    select distinct run_id, workspace_id, source, event_id from met where received_at - started_at >= '0'
)

-- name: events_owed
owed as (
    insert into run_effects
        (run_id, effect_id, step_id, attempt, kind, request, trace, workspace_id, lease_token, lease_until)
    select run_id,
           'deliver/' || left(encode(sha256(convert_to(source || e'\n' || event_id, 'UTF8')), 'hex'), 32),
           '', 0, 'Deliver',
           convert_to(json_build_object('source', source, 'event_id', event_id)::text, 'UTF8'),
           e.trace, workspace_id, 1, now() + $1::float8 * interval '1 second'
      from found
      join bus_events e using (workspace_id, source, event_id)
        on conflict do nothing
 returning run_id, workspace_id, request, trace, effect_id, step_id, attempt, kind, lease_token, tries
)

-- name: events_looked
-- After the deliveries, and without waiting: an apply that takes a delivery and ends its wait locks them in this order.
-- A wait that is passed over is looked at once more by the sweep.
looked as (
    update run_waits
       set looked = true
     where ctid = any (array(
            select w.ctid
              from waits
             cross join lateral (
                select ctid
                  from run_waits
                 where run_id = waits.run_id and step_id = waits.step_id and address = waits.address
                   for update skip locked) w
             where (select count(*) from owed) >= 0))
)

-- name: events_done
select run_id, workspace_id, request, trace, effect_id, step_id, attempt, kind, lease_token, tries from owed

-- name: events_unrouted
select e.workspace_id, e.source, e.event_id, e.type, e.subject, e.bus_subject, e.trace, e.body, e.received_at,
       (select coalesce(jsonb_agg(distinct jsonb_build_array(a.pattern, c.correlate)), '[]')
          from awaited_types a, unnest(a.correlates) c(correlate)
         where a.workspace_id = e.workspace_id and a.correlates <> '{}'
           and e.type ~ pattern_regex(a.pattern)) as awaited
  from bus_events e
 where e.routed_at is null and e.received_at < now() - $2::float8 * interval '1 second'
 order by e.received_at
 limit $1

-- name: event_get
select workspace_id, source, event_id, type, subject, bus_subject, trace, body, received_at
  from bus_events
 where workspace_id = $1 and source = $2 and event_id = $3 and body is not null

-- name: letter_bury
insert into dead_letters (workspace_id, bus_subject, raw, headers, reason)
values (coalesce($3::jsonb ->> 'ce-tenantid', ''), $1, $2, $3::jsonb, $4)

-- name: events_fade
-- What is still to start something keeps its body as long as its id is remembered. By places, like a claim; `offset 0`
-- has each event looked up, where a join would read all that is still to start something.
with old as materialized (
    select e.ctid as place
      from bus_events e
     where body is not null and routed_at is not null and received_at < now() - $1::float8 * interval '1 second'
       and not exists (select from trigger_deliveries d
                        where d.workspace_id = e.workspace_id and d.source = e.source and d.event_id = e.event_id
                          and d.outcome = '' offset 0)
     limit $2
       for update skip locked
)
update bus_events
   set body = null, kept = false
 where ctid = any (array(select place from old))
returning 1

-- name: events_forget
-- By places, too. A delivery that ends at this very moment is left behind, which nobody minds.
with old as materialized (
    select ctid as place, workspace_id, source, event_id
      from bus_events
     where routed_at is not null and received_at < now() - $1::float8 * interval '1 second'
     limit $2
       for update skip locked
), owed as materialized (
    select d.place
      from old
     cross join lateral (
        select ctid as place
          from trigger_deliveries d
         where d.workspace_id = old.workspace_id and d.source = old.source and d.event_id = old.event_id
           for update) d
), deliveries as (
    delete from trigger_deliveries where ctid = any (array(select place from owed))
)
delete from bus_events
 where ctid = any (array(select place from old))
returning 1
