drop function pattern_regex(text);
drop function pattern_prefix(text);
drop table replicas;
drop table relay_shards;
drop table dead_letters;
drop table bus_events;
