-- Changes on their way to the bus.

-- name: shards_hold
with alive as (
    insert into replicas (holder, alive_until) values ($1, now() + $2::float8 * interval '1 second')
        on conflict (holder) do update set alive_until = excluded.alive_until
), dead as (
    delete from replicas where alive_until <= now() and holder <> $1
), fair as (
    select ceil(32.0 / (1 + count(*))) as share from replicas where alive_until > now() and holder <> $1
), free as (
    select shard, holder = $1 and lease_until > now() as mine
      from relay_shards
     where holder = $1 or lease_until <= now()
       for update skip locked
), ranked as (
    select shard, row_number() over (order by mine desc, shard) <= fair.share as keep from free, fair
)
update relay_shards s
   set holder = case when ranked.keep then $1 else '' end,
       lease_until = case when ranked.keep then now() + $2::float8 * interval '1 second' else '-infinity' end
  from ranked
 where s.shard = ranked.shard and (ranked.keep or s.holder = $1)
returning s.shard, ranked.keep

-- name: changes_unpublished
-- A shard that has lost something waits until all of that is unmarked, or later changes would go out before it.
select c.stream_id, c.sequence, c.workspace_id, c.aggregate, c.operation, c.actor, c.cause, c.recorded_at, c.data,
       case when r.id is not null then json_build_object(
           'definition_id', r.definition_id, 'definition_version', r.definition_version,
           'workspace_id', r.workspace_id, 'trigger_type', r.trigger_type, 'trigger_event_id', r.trigger_event_id,
           'initiator_agent_id', r.initiator_agent_id, 'initiator_user_id', r.initiator_user_id,
           'parent_run_id', r.parent_run_id, 'chain', r.chain,
           'entity_id', r.entity_id, 'entity_type', r.entity_type) else '{}' end as header,
       c.trace
  from (select shard from relay_shards where shard = any($1::smallint[]) and lost_from is null) s
 cross join lateral (
       select stream_id, sequence, workspace_id, aggregate, operation, actor, cause, recorded_at, data, trace
         from changes
        where shard = s.shard and published_at is null
        order by stream_id, sequence
        limit $2) c
  left join workflow_runs r on r.id = c.stream_id
 order by c.stream_id, c.sequence  -- a join that goes by hashes would hand them on in any order

-- name: changes_published
update changes c
   set published_at = now()
  from unnest($1::text[], $2::integer[]) p(stream_id, sequence)
 where c.stream_id = p.stream_id and c.sequence = p.sequence

-- name: stream_known
select created_at, last_sequence from relay_stream where stream = $1

-- name: stream_remember
insert into relay_stream as s (stream, created_at, last_sequence) values ($1, $2, $3)
    on conflict (stream) do update set last_sequence = excluded.last_sequence
 where s.created_at = excluded.created_at and s.last_sequence < excluded.last_sequence

-- name: stream_lose
with moved as (
    update relay_stream
       set created_at = $4, last_sequence = $5
     where stream = $1 and created_at = $2 and last_sequence = $3
 returning 1
)
update relay_shards
   set lost_from = least(lost_from, $6), lost_until = now()
 where exists (select from moved) or shard = any($7::smallint[])

-- name: shards_lost
select shard, lost_from, lost_until
  from relay_shards
 where shard = any($1::smallint[]) and lost_from is not null
 order by shard

-- name: changes_unmark
-- By places, like a claim.
with lost as materialized (
    select ctid as place
      from changes
     where shard = $1::smallint and published_at between $2::timestamptz and $3::timestamptz
     limit $4
       for update
), unmarked as (
    update changes
       set published_at = null
     where ctid = any (array(select place from lost))
 returning 1
)
select count(*) from unmarked

-- name: shard_found
update relay_shards
   set lost_from = null, lost_until = null
 where shard = $1::smallint and lost_from = $2 and lost_until = $3
