drop table start_keys;
drop table run_audit;
drop table run_causes;
drop table run_waits;
drop table run_effects;
