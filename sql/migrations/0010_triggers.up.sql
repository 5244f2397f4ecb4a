-- What starts definitions by itself, as an index for the router; which events were matched to which definitions; and
-- whether a definition may start at all.

alter table workflow_definitions add column enabled boolean not null default true;
comment on column workflow_definitions.enabled is 'Whether runs may start; those that go on are not touched.';

create table trigger_index (
    definition_id  text collate "C" primary key references workflow_definitions on delete cascade,
    workspace_id   text collate "C" not null,
    version        integer not null,
    address        text collate "C" not null,
    enabled        boolean not null
);
create index trigger_index_address on trigger_index (workspace_id, address) where enabled;
call protect('trigger_index');

comment on table trigger_index is 'Under which address an event or a tick finds a definition: by the trigger of its latest version.';
comment on column trigger_index.definition_id is 'The definition.';
comment on column trigger_index.workspace_id is 'The tenant.';
comment on column trigger_index.version is 'Its latest version, whose trigger this is.';
comment on column trigger_index.address is
    'event:<type pattern>, tap:<provider>.<entity type>.<action> with nothing for any, or cron:<expression>.';
comment on column trigger_index.enabled is 'As the definition is.';

create table trigger_deliveries (
    workspace_id   text collate "C" not null,
    source         text collate "C" not null,
    event_id       text collate "C" not null,
    definition_id  text collate "C" not null,
    due_at         timestamptz not null default now(),
    tries          integer not null default 0,
    outcome        text not null default '',
    run_id         text collate "C" not null default '',
    sequence       integer not null default 0,
    primary key (workspace_id, source, event_id, definition_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index trigger_deliveries_due on trigger_deliveries (due_at) where outcome = '';
call protect('trigger_deliveries');

comment on table trigger_deliveries is
    'Events that were routed to a definition, and what became of that; forgotten together with the event.';
comment on column trigger_deliveries.workspace_id is 'The tenant.';
comment on column trigger_deliveries.source is 'The event''s source.';
comment on column trigger_deliveries.event_id is 'The event''s id.';
comment on column trigger_deliveries.definition_id is 'The definition that it may start.';
comment on column trigger_deliveries.due_at is 'Not before; whoever takes it on moves this by a lease.';
comment on column trigger_deliveries.tries is 'How often it was taken on again.';
comment on column trigger_deliveries.outcome is 'started, or a stable word for why it never can be; empty until then.';
comment on column trigger_deliveries.run_id is 'The run that was started, or empty.';
comment on column trigger_deliveries.sequence is 'That run''s last change after the start.';

-- Which runs a call of HandleTrigger moved, to answer its repetition.
create index run_causes_handed_in on run_causes (workspace_id, cause) where cause like 'event:rpc/%';

-- What was published before this index was there.
insert into trigger_index (definition_id, workspace_id, version, address, enabled)
select d.id, d.workspace_id, v.version,
       case v.trigger ->> 'trigger_type'
           when 'EVENT' then 'event:' || (v.trigger ->> 'event_type')
           when 'WEBHOOK' then 'tap:' || concat_ws('.',
               translate(lower(v.trigger ->> 'tap_provider'), ' /-:.', '_____'),
               translate(regexp_replace(lower(v.trigger ->> 'tap_entity_type'), '^entity_type_(unspecified$)?', ''),
                         ' /-:.', '_____'),
               translate(lower(v.trigger ->> 'tap_action'), ' /-:.', '_____'))
           else 'cron:' || array_to_string(regexp_split_to_array(btrim(v.trigger ->> 'cron_expr'), '\s+'), ' ')
       end,
       true
  from workflow_definitions d
  join workflow_versions v on v.definition_id = d.id and v.version = d.latest_version
 where v.trigger ->> 'trigger_type' in ('EVENT', 'WEBHOOK', 'SCHEDULE');
