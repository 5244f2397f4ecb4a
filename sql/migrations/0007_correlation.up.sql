-- Waits that want only events with a certain value in them, and the events that carry it.

-- An array, because an expression may have 2 kB and would be too long for the key.
alter table awaited_types add column correlates text[] collate "C" not null default '{}';
create index awaited_types_correlated on awaited_types (workspace_id, pattern) where correlates <> '{}';
comment on column awaited_types.correlates is 'Expressions over such an event whose value tells its waits apart.';

-- Without fastupdate, so that a look never reads through a list of what is still to be indexed.
alter table bus_events add column correlations text[] collate "C" not null default '{}';
create index bus_events_correlations on bus_events using gin (correlations) with (fastupdate = off)
    where correlations <> '{}' and body is not null;
comment on column bus_events.correlations is 'Keys of the values by which waits tell it apart; known once it was routed.';
comment on column bus_events.about is
    'The address of what it reports on: an objective, an approval, an evaluation; or empty.';

comment on column run_waits.address is
    'objective:<id>, approval:<id>, governance:<run>/<step>, event:<type pattern>, with #<correlation> if it has one.';
