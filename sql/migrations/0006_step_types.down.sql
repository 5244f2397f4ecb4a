drop table interactions;
drop table human_tasks;
drop table step_items;
alter table step_runs drop column alarms;
alter table workflow_runs
    drop column parent_step_id,
    drop column parent_attempt,
    drop column depth,
    drop column chain;
drop domain interaction_kind;
drop domain task_status;
