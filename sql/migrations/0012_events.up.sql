-- What became of letters that were replayed; publishing again from a point in time; and what the relay knows of the
-- stream that it publishes to, so that it notices when the stream has lost what it had acknowledged.

alter table dead_letters
    add column replayed_at     timestamptz,
    add column outcome         text collate "C" not null default ''
        check (outcome in ('', 'ROUTED', 'KNOWN', 'STILL_POISON')),
    add column outcome_reason  text not null default '';
comment on column dead_letters.workspace_id is 'The tenant that its headers name, else empty.';
comment on column dead_letters.replayed_at is 'When it was last replayed; null until then.';
comment on column dead_letters.outcome is 'What became of it then, or empty.';
comment on column dead_letters.outcome_reason is 'Stable word for what was still wrong with it, or empty.';

-- Rows are written and published in the order of time, so a summary of each stretch of the table is all it takes.
create index changes_published on changes using brin (published_at timestamptz_minmax_multi_ops)
    with (autosummarize = on);

create table relay_stream (
    stream         text collate "C" primary key,
    created_at     timestamptz not null,
    last_sequence  bigint not null
) with (fillfactor = 50);
grant select, insert, update on relay_stream to workflows_engine;

comment on table relay_stream is 'The stream of our changes as it was last seen: an older or shorter one has lost something.';
comment on column relay_stream.stream is 'Its name.';
comment on column relay_stream.created_at is 'When it was made, on the clock of the bus.';
comment on column relay_stream.last_sequence is 'The number of its last message.';

alter table relay_shards
    add column lost_from   timestamptz,
    add column lost_until  timestamptz,
    add constraint relay_shards_lost check ((lost_from is null) = (lost_until is null));
comment on column relay_shards.lost_from is 'What was published from here on may be lost; nothing goes out until it is unmarked.';
comment on column relay_shards.lost_until is 'What was published later is not lost.';
