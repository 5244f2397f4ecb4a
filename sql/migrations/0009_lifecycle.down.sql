alter table workflow_definitions drop column max_run_seconds;

drop index workflow_runs_forks;
alter table workflow_runs
    drop column max_seconds, drop column forked_step, drop column forked_from, drop column compensation, drop column parent_word,
    drop column pauses;
