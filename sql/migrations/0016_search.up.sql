-- Finding runs by why they failed and by who started them, without reading a whole workspace. Both are written when a run
-- fails or starts, never at a step.

create index workflow_runs_failed on workflow_runs (workspace_id, failure_reason, id desc) where failure_reason <> '';
create index workflow_runs_person on workflow_runs (workspace_id, initiator_user_id, id desc) where initiator_user_id <> '';
