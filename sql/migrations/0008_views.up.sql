-- For people at the database. Every view shows its reader what the tables under it do: the rows of one workspace.

create view workflow_run_summary with (security_invoker = true) as
    select r.id as run_id, r.workspace_id, r.definition_id, d.name as definition_name, r.definition_version, r.state,
           array(select s.step_id from step_runs s
                  where s.run_id = r.id and s.state in ('RUNNING', 'WAITING') order by s.position) as current_steps,
           (select coalesce(jsonb_object_agg(c.state, c.steps), '{}')
              from (select s.state, count(*) as steps from step_runs s where s.run_id = r.id group by s.state) c
           ) as steps_by_state,
           (select count(*) from step_runs s
             where s.run_id = r.id and s.state in ('RUNNING', 'WAITING')
               and s.evidence ? 'approval') as pending_approvals,
           r.total_cost_usd, r.started_at, r.completed_at,
           coalesce(r.completed_at, now()) - r.started_at as duration
      from workflow_runs r
      left join workflow_definitions d on d.id = r.definition_id;

comment on view workflow_run_summary is 'Every run in a line.';
comment on column workflow_run_summary.run_id is 'The run.';
comment on column workflow_run_summary.workspace_id is 'The tenant.';
comment on column workflow_run_summary.definition_id is 'What it runs.';
comment on column workflow_run_summary.definition_name is 'The same for people.';
comment on column workflow_run_summary.definition_version is 'Which version of it.';
comment on column workflow_run_summary.state is 'A state of the run table in the domain.';
comment on column workflow_run_summary.current_steps is 'Ids of the steps that are RUNNING or WAITING, in topological order.';
comment on column workflow_run_summary.steps_by_state is 'How many steps are in each state that some step is in.';
comment on column workflow_run_summary.pending_approvals is 'Steps that wait for somebody to decide.';
comment on column workflow_run_summary.total_cost_usd is 'Sum over its steps, exact.';
comment on column workflow_run_summary.started_at is 'When it started.';
comment on column workflow_run_summary.completed_at is 'When it ended; null until then.';
comment on column workflow_run_summary.duration is 'From its start to its end, or to now.';

create view step_run_detail with (security_invoker = true) as
    select s.run_id, s.step_id, s.workspace_id, r.definition_id, r.definition_version, r.state as run_state,
           s.position, s.step_name, s.step_type, s.state, s.attempt, s.retry_count, s.agent_id, s.objective_id,
           s.error_reason, s.error_message, s.cost_usd, s.started_at, s.completed_at,
           coalesce(s.completed_at, now()) - s.started_at as duration
      from step_runs s
      join workflow_runs r on r.id = s.run_id;

comment on view step_run_detail is 'Every step with what concerns it of its run.';
comment on column step_run_detail.run_id is 'The run.';
comment on column step_run_detail.step_id is 'The step''s id in the definition.';
comment on column step_run_detail.workspace_id is 'The tenant.';
comment on column step_run_detail.definition_id is 'What the run runs.';
comment on column step_run_detail.definition_version is 'Which version of it.';
comment on column step_run_detail.run_state is 'The run''s state.';
comment on column step_run_detail.position is 'Topological order; compensation steps follow.';
comment on column step_run_detail.step_name is 'Its name in the definition.';
comment on column step_run_detail.step_type is 'What kind of step it is.';
comment on column step_run_detail.state is 'A state of the step table in the domain.';
comment on column step_run_detail.attempt is '0 before the first start, then counts up.';
comment on column step_run_detail.retry_count is 'Retries so far.';
comment on column step_run_detail.agent_id is 'The agent that does the work, or empty.';
comment on column step_run_detail.objective_id is 'The objective that does the work, or empty.';
comment on column step_run_detail.error_reason is 'Stable word for what went wrong, or empty.';
comment on column step_run_detail.error_message is 'The same for people.';
comment on column step_run_detail.cost_usd is 'Sum over attempts, exact.';
comment on column step_run_detail.started_at is 'When the present attempt started.';
comment on column step_run_detail.completed_at is 'When it ended; null until then.';
comment on column step_run_detail.duration is 'From the start of the present attempt to its end, or to now.';

create view workflow_links with (security_invoker = true) as
    select r.workspace_id, r.definition_id, d.name as definition_name, r.definition_version, r.id as run_id, r.state,
           r.depth, p.id as parent_run_id, p.definition_id as parent_definition_id,
           p.definition_version as parent_definition_version, nullif(r.parent_step_id, '') as parent_step_id,
           (select count(*) from workflow_runs c where c.parent_run_id = r.id) as children
      from workflow_runs r
      left join workflow_definitions d on d.id = r.definition_id
      left join workflow_runs p on p.id = r.parent_run_id;

comment on view workflow_links is 'Every run with its version and its parent; its children are the rows that name it as theirs.';
comment on column workflow_links.workspace_id is 'The tenant.';
comment on column workflow_links.definition_id is 'What it runs.';
comment on column workflow_links.definition_name is 'The same for people.';
comment on column workflow_links.definition_version is 'Which version of it.';
comment on column workflow_links.run_id is 'The run.';
comment on column workflow_links.state is 'A state of the run table in the domain.';
comment on column workflow_links.depth is 'How long its line of parents is, itself counted.';
comment on column workflow_links.parent_run_id is 'The run whose step started it; null when there is none.';
comment on column workflow_links.parent_definition_id is 'What the parent runs.';
comment on column workflow_links.parent_definition_version is 'Which version of it.';
comment on column workflow_links.parent_step_id is 'The step (or item) of the parent whose work it is; null when it is no step''s.';
comment on column workflow_links.children is 'How many runs it has started.';

create view run_events_iso with (security_invoker = true) as
    select run_id, sequence, aggregate, operation, step_id, workspace_id, actor, cause,
           to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as recorded_at,
           data,
           to_char(published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as published_at
      from run_events;

comment on view run_events_iso is 'The history of runs with times as ISO 8601 text in UTC.';
comment on column run_events_iso.run_id is 'The run.';
comment on column run_events_iso.sequence is '1, 2, 3 within the run, no gaps.';
comment on column run_events_iso.aggregate is 'What changed: the run or a step of it.';
comment on column run_events_iso.operation is 'What happened, as in the event''s type.';
comment on column run_events_iso.step_id is 'The step it is about, or empty.';
comment on column run_events_iso.workspace_id is 'The tenant.';
comment on column run_events_iso.actor is 'Who did it.';
comment on column run_events_iso.cause is 'The request, event, effect or timer that led to it.';
comment on column run_events_iso.recorded_at is 'The moment of the decision, as in 2026-03-02T09:00:00.123456Z.';
comment on column run_events_iso.data is 'The rows as they were just after it.';
comment on column run_events_iso.published_at is 'When the bus acknowledged it, in the same form; null until then.';

create view run_context with (security_invoker = true) as
    select r.id as run_id, r.workspace_id, 'input.' || f.key as key, f.value
      from workflow_runs r
     cross join lateral jsonb_each(r.input_payload) f
     union all
    select s.run_id, s.workspace_id, 'output.' || s.step_id || '.' || f.key, f.value
      from step_runs s
     cross join lateral jsonb_each(s.output_payload) f;

comment on view run_context is 'What a run was started with and what its steps found, a row for each key of a payload.';
comment on column run_context.run_id is 'The run.';
comment on column run_context.workspace_id is 'The tenant.';
comment on column run_context.key is 'input.<key> or output.<step>.<key>.';
comment on column run_context.value is 'What is under that key, as JSON.';

create view approvals with (security_invoker = true) as
    select s.run_id, s.step_id, s.workspace_id, s.state as step_state, s.approval_request_id,
           a.risk_level, a.requested_by, a.requested_at, a.decision, a.comment, a.decided_by, a.decided_at,
           s.deadline_at, a.auto_approval
      from step_runs s
     cross join lateral jsonb_to_record(s.evidence -> 'approval') a(
           risk_level text, requested_by text, requested_at timestamptz, decision text, comment text, decided_by text,
           decided_at timestamptz, auto_approval jsonb)
     where s.evidence ? 'approval';

comment on view approvals is 'Our own record of every approval that a step has asked for.';
comment on column approvals.run_id is 'The run.';
comment on column approvals.step_id is 'The step that asked.';
comment on column approvals.workspace_id is 'The tenant.';
comment on column approvals.step_state is 'The state of that step.';
comment on column approvals.approval_request_id is 'Its id at the approvals service; empty until that has answered.';
comment on column approvals.risk_level is 'How risky the definition says it is, or empty.';
comment on column approvals.requested_by is 'The agent that asked, who may not decide; or empty.';
comment on column approvals.requested_at is 'When it was asked.';
comment on column approvals.decision is 'The last that was said, as APPROVED or ESCALATED; null while nothing was.';
comment on column approvals.comment is 'What was said with it.';
comment on column approvals.decided_by is 'Who decided; null until the end.';
comment on column approvals.decided_at is 'When it was decided; null until then.';
comment on column approvals.deadline_at is 'When the step times out.';
comment on column approvals.auto_approval is 'What an approval without a person rested on; null when it had one.';

create view run_conversation with (security_invoker = true) as
    select i.run_id, i.id, i.workspace_id, i.at, i.step_id, coalesce(s.step_name, m.step_name) as step_name, i.kind,
           i.author, i.text, i.body
      from interactions i
      left join step_runs s on s.run_id = i.run_id and s.step_id = i.step_id
      left join step_items m on m.run_id = i.run_id and m.step_id = i.step_id;

comment on view run_conversation is 'What agents and people said in a run; order by id.';
comment on column run_conversation.run_id is 'The run.';
comment on column run_conversation.id is 'Order of arrival.';
comment on column run_conversation.workspace_id is 'The tenant.';
comment on column run_conversation.at is 'When.';
comment on column run_conversation.step_id is 'The step (or item) it is about.';
comment on column run_conversation.step_name is 'The same for people.';
comment on column run_conversation.kind is 'What it is: a question, a comment and so on.';
comment on column run_conversation.author is 'Who said it.';
comment on column run_conversation.text is 'What was said.';
comment on column run_conversation.body is 'Its details, as the choices of a choice.';

comment on column run_events.run_id is 'The run.';
comment on column run_events.sequence is '1, 2, 3 within the run, no gaps.';
comment on column run_events.aggregate is 'What changed: the run or a step of it.';
comment on column run_events.operation is 'What happened, as in the event''s type.';
comment on column run_events.step_id is 'The step it is about, or empty.';
comment on column run_events.workspace_id is 'The tenant.';
comment on column run_events.actor is 'Who did it.';
comment on column run_events.cause is 'The request, event, effect or timer that led to it.';
comment on column run_events.recorded_at is 'The moment of the decision, on the database''s clock.';
comment on column run_events.data is 'The rows as they were just after it.';
comment on column run_events.published_at is 'When the bus acknowledged it; null until then.';

grant select on
    workflow_run_summary, step_run_detail, workflow_links, run_events_iso, run_context, approvals, run_conversation
    to workflows_reader, workflows_engine;
