drop index workflow_runs_person;
drop index workflow_runs_failed;
