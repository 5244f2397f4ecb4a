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
select c.stream_id, c.sequence, c.workspace_id, c.aggregate, c.operation, c.actor, c.cause, c.recorded_at, c.data,
       case when r.id is not null then json_build_object(
           'definition_id', r.definition_id, 'definition_version', r.definition_version,
           'workspace_id', r.workspace_id, 'trigger_type', r.trigger_type, 'trigger_event_id', r.trigger_event_id,
           'initiator_agent_id', r.initiator_agent_id, 'initiator_user_id', r.initiator_user_id,
           'parent_run_id', r.parent_run_id, 'chain', r.chain,
           'entity_id', r.entity_id, 'entity_type', r.entity_type) else '{}' end as header
  from unnest($1::smallint[]) s(shard)
 cross join lateral (
       select stream_id, sequence, workspace_id, aggregate, operation, actor, cause, recorded_at, data
         from changes
        where shard = s.shard and published_at is null
        order by stream_id, sequence
        limit $2) c
  left join workflow_runs r on r.id = c.stream_id

-- name: changes_published
update changes c
   set published_at = now()
  from unnest($1::text[], $2::integer[]) p(stream_id, sequence)
 where c.stream_id = p.stream_id and c.sequence = p.sequence
