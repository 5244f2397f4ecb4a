alter table relay_shards drop column lost_from, drop column lost_until;
drop table relay_stream;
drop index changes_published;
alter table dead_letters drop column replayed_at, drop column outcome, drop column outcome_reason;
comment on column dead_letters.workspace_id is 'The tenant where it is known, else empty.';
