alter table bus_events drop column trace;
alter table run_effects drop column trace;
alter table changes drop column trace;
