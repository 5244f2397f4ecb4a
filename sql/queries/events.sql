-- The inbox. Deliveries are found in three ways and owed in one: `found` differs, `events_owed` is shared.
-- $1 is always the lease in seconds.

-- name: events_keep
with given as (
    select * from jsonb_populate_recordset(null::bus_events, $1::jsonb)
), fresh as (
    insert into bus_events (workspace_id, source, event_id, digest, type, subject, bus_subject, about, body)
    select workspace_id, source, event_id, digest, type, subject, bus_subject, about, body from given
        on conflict do nothing
 returning workspace_id, source, event_id
)
select given.workspace_id, given.source, given.event_id,
       fresh.event_id is not null as is_fresh, known.digest = given.digest as same, known.routed_at is not null as done
  from given
  left join fresh using (workspace_id, source, event_id)
  left join bus_events known using (workspace_id, source, event_id)

-- name: events_given
given as (
    select * from jsonb_to_recordset($2::jsonb)
        as g(workspace_id text, source text, event_id text, about text, patterns jsonb)
), topics as (
    select g.workspace_id, g.source, g.event_id, 'event:' || p.pattern as address, p.pattern
      from given g, jsonb_array_elements_text(g.patterns) p(pattern)
    union all
    select workspace_id, source, event_id, about, null from given where about <> ''
), found as (
    select distinct w.run_id, w.workspace_id, t.source, t.event_id
      from topics t
      join run_waits w on w.workspace_id = t.workspace_id and w.address = t.address
)

-- name: events_routed
routed as (
    update bus_events e
       set routed_at = now(), kept = f.wanted and not f.matched,
           body = case when f.wanted or f.matched then e.body end
      from (
          select g.workspace_id, g.source, g.event_id,
                 exists (select from found
                          where found.workspace_id = g.workspace_id and found.source = g.source
                            and found.event_id = g.event_id) as matched,
                 g.about <> '' or exists (
                     select from awaited_types a, jsonb_array_elements_text(g.patterns) p(pattern)
                      where a.workspace_id = g.workspace_id and a.pattern = p.pattern) as wanted
            from given g) f
     where e.workspace_id = f.workspace_id and e.source = f.source and e.event_id = f.event_id
)

-- name: events_fresh_waits
waits as (
    update run_waits w
       set looked = true
      from unnest($3::text[], $4::text[]) o(step_id, address)
     where w.run_id = $2 and w.step_id = o.step_id and w.address = o.address
 returning w.run_id, w.step_id, w.address, w.workspace_id
)

-- name: events_stale_waits
waits as (
    update run_waits w
       set looked = true
      from (select run_id, step_id, address
              from run_waits
             where not looked and opened_at < now() - $3::float8 * interval '1 second'
             order by opened_at
             limit $2
               for update skip locked) o
     where w.run_id = o.run_id and w.step_id = o.step_id and w.address = o.address
 returning w.run_id, w.step_id, w.address, w.workspace_id
)

-- name: events_found
found as (
    -- The difference of the times is compared, so that no index over times is preferred to the ones over names.
    select w.run_id, w.workspace_id, e.source, e.event_id
      from waits w
      join workflow_runs r on r.id = w.run_id
      join bus_events e on e.workspace_id = w.workspace_id and e.about = w.address
     where e.about <> '' and e.body is not null and e.received_at - r.started_at >= '0'
    union
    select w.run_id, w.workspace_id, e.source, e.event_id
      from (select *, substr(address, 7) as pattern from waits where address like 'event:%') w
      join workflow_runs r on r.id = w.run_id
      join bus_events e on e.workspace_id = w.workspace_id
                       and e.type >= pattern_prefix(w.pattern) and e.type < pattern_prefix(w.pattern) || chr(1114111)
                       and e.type ~ pattern_regex(w.pattern)
     where e.body is not null and e.received_at - r.started_at >= '0'
)

-- name: events_owed
owed as (
    insert into run_effects
        (run_id, effect_id, step_id, attempt, kind, request, workspace_id, lease_token, lease_until)
    select run_id,
           'deliver/' || left(encode(sha256(convert_to(source || e'\n' || event_id, 'UTF8')), 'hex'), 32),
           '', 0, 'Deliver',
           convert_to(json_build_object('source', source, 'event_id', event_id)::text, 'UTF8'),
           workspace_id, 1, now() + $1::float8 * interval '1 second'
      from found
        on conflict do nothing
 returning run_id, workspace_id, request, effect_id, step_id, attempt, kind, lease_token, tries
)

-- name: events_done
select run_id, workspace_id, request, effect_id, step_id, attempt, kind, lease_token, tries from owed

-- name: events_unrouted
select workspace_id, source, event_id, type, subject, bus_subject, body, received_at
  from bus_events
 where routed_at is null and received_at < now() - $2::float8 * interval '1 second'
 order by received_at
 limit $1

-- name: event_get
select workspace_id, source, event_id, type, subject, bus_subject, body, received_at
  from bus_events
 where workspace_id = $1 and source = $2 and event_id = $3 and body is not null

-- name: letter_bury
insert into dead_letters (bus_subject, raw, headers, reason) values ($1, $2, $3::jsonb, $4)

-- name: events_fade
with old as (
    select workspace_id, source, event_id
      from bus_events
     where body is not null and routed_at is not null and received_at < now() - $1::float8 * interval '1 second'
     limit $2
       for update skip locked
)
update bus_events e
   set body = null, kept = false
  from old
 where e.workspace_id = old.workspace_id and e.source = old.source and e.event_id = old.event_id
returning 1

-- name: events_forget
with old as (
    select workspace_id, source, event_id
      from bus_events
     where routed_at is not null and received_at < now() - $1::float8 * interval '1 second'
     limit $2
       for update skip locked
)
delete from bus_events e
 using old
 where e.workspace_id = old.workspace_id and e.source = old.source and e.event_id = old.event_id
returning 1
