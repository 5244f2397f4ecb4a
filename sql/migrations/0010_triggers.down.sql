drop index run_causes_handed_in;
drop table trigger_deliveries;
drop table trigger_index;
alter table workflow_definitions drop column enabled;
