drop index workflow_runs_ended;
drop table retention_turn, purges, run_holds, retention_policies;
