-- The inbox of bus events, what could not be understood, and how replicas share the publishing.

create table bus_events (
    workspace_id  text collate "C" not null,
    source        text collate "C" not null,
    event_id      text collate "C" not null,
    digest        bytea not null,
    type          text collate "C" not null,
    subject       text not null,
    bus_subject   text not null,
    about         text collate "C" not null,
    body          jsonb,
    received_at   timestamptz not null default clock_timestamp(),
    routed_at     timestamptz,
    kept          boolean not null default false,
    primary key (workspace_id, source, event_id)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index bus_events_about on bus_events (workspace_id, about) where about <> '' and body is not null;
create index bus_events_type on bus_events (workspace_id, type) where body is not null;
create index bus_events_unrouted on bus_events (received_at) where routed_at is null;
create index bus_events_age on bus_events (received_at);
create index bus_events_body_age on bus_events (received_at) where body is not null;
call protect('bus_events');

comment on table bus_events is 'Every event heard, remembered by its id; the body as long as somebody may want it.';
comment on column bus_events.workspace_id is 'The tenant.';
comment on column bus_events.source is 'The CloudEvent''s source.';
comment on column bus_events.event_id is 'The CloudEvent''s id, unique within its source.';
comment on column bus_events.digest is 'Hash of the event: the same id with another body is poison.';
comment on column bus_events.type is 'The CloudEvent''s type.';
comment on column bus_events.subject is 'The CloudEvent''s own subject.';
comment on column bus_events.bus_subject is 'Where it was published.';
comment on column bus_events.about is 'objective:<id> or approval:<id> when it reports on one, or empty.';
comment on column bus_events.body is 'The rest of the event; null when nobody can want it any more.';
comment on column bus_events.received_at is 'When it was first heard.';
comment on column bus_events.routed_at is 'When it was handed to those who waited; null until then.';
comment on column bus_events.kept is 'Nobody waited when it was routed, but somebody may yet.';

create table dead_letters (
    id            bigint generated always as identity primary key,
    workspace_id  text collate "C" not null default '',
    bus_subject   text not null,
    raw           bytea not null,
    headers       jsonb not null,
    reason        text not null,
    received_at   timestamptz not null default now()
);
create index dead_letters_age on dead_letters (received_at);
call protect('dead_letters');

comment on table dead_letters is 'Messages that could not be understood or trusted.';
comment on column dead_letters.id is 'Order of arrival.';
comment on column dead_letters.workspace_id is 'The tenant where it is known, else empty.';
comment on column dead_letters.bus_subject is 'Where it was published.';
comment on column dead_letters.raw is 'The bytes as they came.';
comment on column dead_letters.headers is 'The headers as they came.';
comment on column dead_letters.reason is 'Stable word for what is wrong with it.';
comment on column dead_letters.received_at is 'When it was heard.';

create table relay_shards (
    shard        smallint primary key check (shard between 0 and 31),
    holder       text collate "C" not null default '',
    lease_until  timestamptz not null default '-infinity'
) with (fillfactor = 50);
insert into relay_shards (shard) select generate_series(0, 31);
grant select, update on relay_shards to workflows_engine;

comment on table relay_shards is 'Which replica publishes the changes of which shard.';
comment on column relay_shards.shard is 'See changes.shard.';
comment on column relay_shards.holder is 'The replica that holds it, or empty.';
comment on column relay_shards.lease_until is 'Until when it holds it.';

create table replicas (
    holder      text collate "C" primary key,
    alive_until timestamptz not null
) with (fillfactor = 50);
grant select, insert, update, delete on replicas to workflows_engine;

comment on table replicas is 'The replicas that share the publishing: their number gives each its fair share.';
comment on column replicas.holder is 'A name that is unique to the process.';
comment on column replicas.alive_until is 'Counts as alive until then.';

-- A wait's type pattern in terms of an index: `*` is one token, a trailing `>` the rest, all else itself.
create function pattern_prefix(pattern text) returns text
language sql immutable parallel safe as $$
    select substring(pattern from '^[^*>]*') collate "C"
$$;
comment on function pattern_prefix(text) is 'What every type that matches the pattern begins with.';

create function pattern_regex(pattern text) returns text
language sql immutable parallel safe as $$
    select '^' || replace(replace(regexp_replace(pattern, '([][\\^$.|?+(){}])', '\\\1', 'g'),
                                  '*', '[^.]*'), '>', '.*') || '$'
$$;
comment on function pattern_regex(text) is 'The same pattern as a regular expression.';
