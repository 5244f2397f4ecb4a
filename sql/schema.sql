-- domains
aggregate_type text CHECK ((VALUE = ANY (ARRAY['run'::text, 'step'::text, 'definition'::text, 'version'::text])))
interaction_kind text CHECK ((VALUE = ANY (ARRAY['question'::text, 'choice'::text, 'notice'::text, 'agent_request'::text, 'comment'::text, 'answer'::text])))
run_state text CHECK ((VALUE = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'PAUSED'::text, 'COMPENSATING'::text, 'COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text])))
schedule_overlap text CHECK ((VALUE = ANY (ARRAY['ALLOW'::text, 'SKIP'::text, 'BUFFER_ONE'::text, 'CANCEL_OTHER'::text])))
step_state text CHECK ((VALUE = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'WAITING'::text, 'COMPLETED'::text, 'FAILED'::text, 'SKIPPED'::text, 'COMPENSATED'::text, 'CANCELLED'::text])))
step_type text CHECK ((VALUE = ANY (ARRAY['AGENT_ACTION'::text, 'APPROVAL_GATE'::text, 'GOVERNANCE_CHECK'::text, 'WAIT_FOR_EVENT'::text, 'BRANCH'::text, 'PARALLEL'::text, 'NOTIFICATION'::text, 'HUMAN_TASK'::text])))
task_status text CHECK ((VALUE = ANY (ARRAY['OPEN'::text, 'CLAIMED'::text, 'COMPLETED'::text, 'REJECTED'::text, 'CANCELLED'::text])))
trigger_type text CHECK ((VALUE = ANY (ARRAY['EVENT'::text, 'SCHEDULE'::text, 'MANUAL'::text, 'WEBHOOK'::text, 'WORKFLOW'::text])))
usd numeric CHECK (((VALUE >= (0)::numeric) AND (VALUE < 'Infinity'::numeric)))

-- columns
approvals.run_id text collate C
approvals.step_id text collate C
approvals.workspace_id text collate C
approvals.step_state step_state collate C
approvals.approval_request_id text
approvals.risk_level text
approvals.requested_by text
approvals.requested_at timestamp with time zone
approvals.decision text
approvals.comment text
approvals.decided_by text
approvals.decided_at timestamp with time zone
approvals.deadline_at timestamp with time zone
approvals.auto_approval jsonb
awaited_types.workspace_id text collate C not null
awaited_types.pattern text collate C not null
awaited_types.definition_id text collate C not null
awaited_types.version integer not null
awaited_types.correlates text[] collate C not null default '{}'::text[]
bus_events.workspace_id text collate C not null
bus_events.source text collate C not null
bus_events.event_id text collate C not null
bus_events.digest bytea not null
bus_events.type text collate C not null
bus_events.subject text not null
bus_events.bus_subject text not null
bus_events.about text collate C not null
bus_events.body jsonb
bus_events.received_at timestamp with time zone not null default clock_timestamp()
bus_events.routed_at timestamp with time zone
bus_events.kept boolean not null default false
bus_events.correlations text[] collate C not null default '{}'::text[]
bus_events.trace text not null default ''::text
changes.stream_id text collate C not null
changes.sequence integer not null
changes.shard smallint not null
changes.aggregate aggregate_type collate C not null
changes.operation text collate C not null
changes.step_id text collate C not null default ''::text
changes.workspace_id text collate C not null
changes.actor text not null
changes.cause text not null
changes.recorded_at timestamp with time zone not null
changes.data jsonb not null
changes.published_at timestamp with time zone
changes.trace text not null default ''::text
dead_letters.id bigint not null
dead_letters.workspace_id text collate C not null default ''::text
dead_letters.bus_subject text not null
dead_letters.raw bytea not null
dead_letters.headers jsonb not null
dead_letters.reason text not null
dead_letters.received_at timestamp with time zone not null default now()
dead_letters.replayed_at timestamp with time zone
dead_letters.outcome text collate C not null default ''::text
dead_letters.outcome_reason text not null default ''::text
human_tasks.run_id text collate C not null
human_tasks.step_id text collate C not null
human_tasks.workspace_id text collate C not null
human_tasks.definition_id text collate C not null
human_tasks.attempt integer not null
human_tasks.status task_status collate C not null
human_tasks.title text not null
human_tasks.instructions text not null
human_tasks.form_schema jsonb not null
human_tasks.assignee text collate C not null
human_tasks.group text collate C not null
human_tasks.due_at timestamp with time zone
human_tasks.remind_at timestamp with time zone
human_tasks.claimed_by text collate C not null
human_tasks.completed_by text collate C not null
human_tasks.version integer not null
human_tasks.opened_at timestamp with time zone
human_tasks.closed_at timestamp with time zone
human_tasks.created_at timestamp with time zone not null default now()
human_tasks.updated_at timestamp with time zone not null default now()
interactions.run_id text collate C not null
interactions.id bigint not null
interactions.step_id text collate C not null
interactions.kind interaction_kind collate C not null
interactions.author text not null
interactions.text text not null
interactions.body jsonb not null
interactions.workspace_id text collate C not null
interactions.at timestamp with time zone not null default now()
purges.id bigint not null
purges.workspace_id text collate C not null
purges.purged_at timestamp with time zone not null default now()
purges.purged_by text not null
purges.policy jsonb not null
purges.runs integer not null
relay_shards.shard smallint not null
relay_shards.holder text collate C not null default ''::text
relay_shards.lease_until timestamp with time zone not null default '-infinity'::timestamp with time zone
relay_shards.lost_from timestamp with time zone
relay_shards.lost_until timestamp with time zone
relay_stream.stream text collate C not null
relay_stream.created_at timestamp with time zone not null
relay_stream.last_sequence bigint not null
replicas.holder text collate C not null
replicas.alive_until timestamp with time zone not null
retention_policies.workspace_id text collate C not null
retention_policies.state text collate C not null default ''::text
retention_policies.keep_seconds bigint not null
retention_policies.set_by text not null
retention_policies.created_at timestamp with time zone not null default now()
retention_policies.updated_at timestamp with time zone not null default now()
retention_turn.one boolean not null default true
retention_turn.holder text collate C not null default ''::text
retention_turn.free_at timestamp with time zone not null default '-infinity'::timestamp with time zone
rpc_answers.workspace_id text collate C not null
rpc_answers.caller text not null
rpc_answers.key text not null
rpc_answers.method text not null
rpc_answers.digest bytea not null
rpc_answers.response bytea not null
rpc_answers.created_at timestamp with time zone not null default now()
run_audit.run_id text collate C not null
run_audit.id bigint not null
run_audit.step_id text collate C not null
run_audit.command text not null
run_audit.reason text not null
run_audit.message text not null
run_audit.actor text not null
run_audit.cause text not null
run_audit.workspace_id text collate C not null
run_audit.at timestamp with time zone not null default now()
run_causes.run_id text collate C not null
run_causes.cause text collate C not null
run_causes.digest bytea not null
run_causes.sequence integer not null
run_causes.workspace_id text collate C not null
run_causes.at timestamp with time zone not null default now()
run_context.run_id text collate C
run_context.workspace_id text collate C
run_context.key text collate C
run_context.value jsonb
run_conversation.run_id text collate C
run_conversation.id bigint
run_conversation.workspace_id text collate C
run_conversation.at timestamp with time zone
run_conversation.step_id text collate C
run_conversation.step_name text
run_conversation.kind interaction_kind collate C
run_conversation.author text
run_conversation.text text
run_conversation.body jsonb
run_effects.run_id text collate C not null
run_effects.effect_id text collate C not null
run_effects.step_id text collate C not null
run_effects.attempt integer not null
run_effects.kind text collate C not null
run_effects.request bytea not null
run_effects.workspace_id text collate C not null
run_effects.due_at timestamp with time zone not null default now()
run_effects.tries integer not null default 0
run_effects.lease_token bigint not null
run_effects.lease_until timestamp with time zone
run_effects.last_error text not null default ''::text
run_effects.trace text not null default ''::text
run_events.run_id text collate C
run_events.sequence integer
run_events.aggregate aggregate_type collate C
run_events.operation text collate C
run_events.step_id text collate C
run_events.workspace_id text collate C
run_events.actor text
run_events.cause text
run_events.recorded_at timestamp with time zone
run_events.data jsonb
run_events.published_at timestamp with time zone
run_events_iso.run_id text collate C
run_events_iso.sequence integer
run_events_iso.aggregate aggregate_type collate C
run_events_iso.operation text collate C
run_events_iso.step_id text collate C
run_events_iso.workspace_id text collate C
run_events_iso.actor text
run_events_iso.cause text
run_events_iso.recorded_at text
run_events_iso.data jsonb
run_events_iso.published_at text
run_holds.run_id text collate C not null
run_holds.workspace_id text collate C not null
run_holds.reason text not null
run_holds.held_by text not null
run_holds.held_at timestamp with time zone not null default now()
run_waits.run_id text collate C not null
run_waits.step_id text collate C not null
run_waits.address text collate C not null
run_waits.workspace_id text collate C not null
run_waits.looked boolean not null default false
run_waits.opened_at timestamp with time zone not null default now()
schedules.definition_id text collate C not null
schedules.workspace_id text collate C not null
schedules.cron_expr text not null
schedules.timezone text not null
schedules.overlap schedule_overlap collate C not null
schedules.catch_up_seconds integer not null
schedules.jitter_seconds integer not null
schedules.paused_at timestamp with time zone
schedules.paused_by text not null default ''::text
schedules.pause_reason text not null default ''::text
schedules.next_at timestamp with time zone not null
schedules.due_at timestamp with time zone not null
schedules.buffered_at timestamp with time zone
schedules.last_tick_at timestamp with time zone
schedules.last_run_id text collate C not null default ''::text
schedules.missed integer not null default 0
schedules.skipped integer not null default 0
schedules.version integer not null default 1
schedules.lease_until timestamp with time zone
schedules.created_at timestamp with time zone not null default now()
schedules.updated_at timestamp with time zone not null default now()
schema_migrations.version integer not null
schema_migrations.name text not null
schema_migrations.sha256 text not null
schema_migrations.applied_at timestamp with time zone not null default now()
start_keys.workspace_id text collate C not null
start_keys.scope text collate C not null
start_keys.key text collate C not null
start_keys.digest bytea not null
start_keys.run_id text collate C not null
start_keys.sequence integer not null
start_keys.created_at timestamp with time zone not null default now()
step_items.run_id text collate C not null
step_items.step_id text collate C not null
step_items.workspace_id text collate C not null
step_items.state step_state collate C not null
step_items.attempt integer not null
step_items.retry_count integer not null
step_items.started_at timestamp with time zone
step_items.completed_at timestamp with time zone
step_items.deadline_at timestamp with time zone
step_items.retry_at timestamp with time zone
step_items.cost_usd usd not null
step_items.settled_cost_usd usd not null
step_items.step_type step_type collate C not null
step_items.step_name text not null
step_items.objective_id text not null
step_items.agent_id text not null
step_items.delegation_id text not null
step_items.approval_request_id text not null
step_items.governance_decision text not null
step_items.event_id text not null
step_items.notification_id text not null
step_items.error_reason text not null
step_items.error_message text not null
step_items.input_payload jsonb not null
step_items.output_payload jsonb not null
step_items.evidence jsonb not null
step_items.alarms jsonb not null
step_items.parent_step text collate C not null default "substring"(step_id, '^(.*)\[[0-9]+\]$'::text)
step_items.item_index integer not null default ("substring"(step_id, '\[([0-9]+)\]$'::text))::integer
step_items.batch integer default ((evidence ->> 'batch'::text))::integer
step_run_detail.run_id text collate C
step_run_detail.step_id text collate C
step_run_detail.workspace_id text collate C
step_run_detail.definition_id text collate C
step_run_detail.definition_version integer
step_run_detail.run_state run_state collate C
step_run_detail.position integer
step_run_detail.step_name text
step_run_detail.step_type step_type collate C
step_run_detail.state step_state collate C
step_run_detail.attempt integer
step_run_detail.retry_count integer
step_run_detail.agent_id text
step_run_detail.objective_id text
step_run_detail.error_reason text
step_run_detail.error_message text
step_run_detail.cost_usd usd
step_run_detail.started_at timestamp with time zone
step_run_detail.completed_at timestamp with time zone
step_run_detail.duration interval
step_runs.run_id text collate C not null
step_runs.step_id text collate C not null
step_runs.position integer not null
step_runs.workspace_id text collate C not null
step_runs.state step_state collate C not null
step_runs.attempt integer not null
step_runs.retry_count integer not null
step_runs.started_at timestamp with time zone
step_runs.completed_at timestamp with time zone
step_runs.deadline_at timestamp with time zone
step_runs.retry_at timestamp with time zone
step_runs.cost_usd usd not null
step_runs.settled_cost_usd usd not null
step_runs.step_type step_type collate C not null
step_runs.step_name text not null
step_runs.objective_id text not null
step_runs.agent_id text not null
step_runs.delegation_id text not null
step_runs.approval_request_id text not null
step_runs.governance_decision text not null
step_runs.event_id text not null
step_runs.notification_id text not null
step_runs.error_reason text not null
step_runs.error_message text not null
step_runs.input_payload jsonb not null
step_runs.output_payload jsonb not null
step_runs.evidence jsonb not null
step_runs.alarms jsonb not null default '{}'::jsonb
trigger_deliveries.workspace_id text collate C not null
trigger_deliveries.source text collate C not null
trigger_deliveries.event_id text collate C not null
trigger_deliveries.definition_id text collate C not null
trigger_deliveries.due_at timestamp with time zone not null default now()
trigger_deliveries.tries integer not null default 0
trigger_deliveries.outcome text not null default ''::text
trigger_deliveries.run_id text collate C not null default ''::text
trigger_deliveries.sequence integer not null default 0
trigger_index.definition_id text collate C not null
trigger_index.workspace_id text collate C not null
trigger_index.version integer not null
trigger_index.address text collate C not null
trigger_index.enabled boolean not null
version_schemas.definition_id text collate C not null
version_schemas.version integer not null
version_schemas.revision integer not null
version_schemas.workspace_id text collate C not null
version_schemas.input_schema jsonb not null
version_schemas.output_schema jsonb not null
version_schemas.actor text not null
version_schemas.set_at timestamp with time zone not null default now()
workflow_definitions.id text collate C not null
workflow_definitions.workspace_id text collate C not null
workflow_definitions.name text not null
workflow_definitions.description text not null
workflow_definitions.latest_version integer not null default 0
workflow_definitions.tags text[] not null
workflow_definitions.sequence integer not null default 0
workflow_definitions.created_at timestamp with time zone not null default now()
workflow_definitions.updated_at timestamp with time zone not null default now()
workflow_definitions.max_run_seconds integer not null default 0
workflow_definitions.enabled boolean not null default true
workflow_definitions.schema_revisions jsonb not null default '{}'::jsonb
workflow_links.workspace_id text collate C
workflow_links.definition_id text collate C
workflow_links.definition_name text
workflow_links.definition_version integer
workflow_links.run_id text collate C
workflow_links.state run_state collate C
workflow_links.depth integer
workflow_links.parent_run_id text collate C
workflow_links.parent_definition_id text collate C
workflow_links.parent_definition_version integer
workflow_links.parent_step_id text collate C
workflow_links.children bigint
workflow_run_summary.run_id text collate C
workflow_run_summary.workspace_id text collate C
workflow_run_summary.definition_id text collate C
workflow_run_summary.definition_name text
workflow_run_summary.definition_version integer
workflow_run_summary.state run_state collate C
workflow_run_summary.current_steps text[] collate C
workflow_run_summary.steps_by_state jsonb
workflow_run_summary.pending_approvals bigint
workflow_run_summary.total_cost_usd usd
workflow_run_summary.started_at timestamp with time zone
workflow_run_summary.completed_at timestamp with time zone
workflow_run_summary.duration interval
workflow_runs.id text collate C not null
workflow_runs.version bigint not null default 0
workflow_runs.sequence integer not null
workflow_runs.state run_state collate C not null
workflow_runs.wake_at timestamp with time zone
workflow_runs.started_at timestamp with time zone
workflow_runs.completed_at timestamp with time zone
workflow_runs.deadline_at timestamp with time zone
workflow_runs.updated_at timestamp with time zone not null default now()
workflow_runs.total_cost_usd usd not null default 0
workflow_runs.failure_reason text not null default ''::text
workflow_runs.failure_message text not null default ''::text
workflow_runs.workspace_id text collate C not null
workflow_runs.definition_id text collate C not null
workflow_runs.definition_version integer not null
workflow_runs.trigger_type trigger_type collate C not null
workflow_runs.trigger_event_id text not null default ''::text
workflow_runs.initiator_agent_id text collate C not null default ''::text
workflow_runs.initiator_user_id text not null default ''::text
workflow_runs.parent_run_id text collate C not null default ''::text
workflow_runs.entity_id text collate C not null default ''::text
workflow_runs.entity_type text not null default ''::text
workflow_runs.input_payload jsonb not null default '{}'::jsonb
workflow_runs.output_payload jsonb not null default '{}'::jsonb
workflow_runs.parent_step_id text collate C not null default ''::text
workflow_runs.parent_attempt integer not null default 0
workflow_runs.depth integer not null default 1
workflow_runs.chain text[] not null default '{}'::text[]
workflow_runs.pauses jsonb not null default '{}'::jsonb
workflow_runs.parent_word integer not null default 0
workflow_runs.compensation jsonb not null default '{}'::jsonb
workflow_runs.forked_from text collate C not null default ''::text
workflow_runs.forked_step text collate C not null default ''::text
workflow_runs.max_seconds integer not null default 0
workflow_runs.schema_revision integer not null default 0
workflow_versions.id text collate C not null
workflow_versions.definition_id text collate C not null
workflow_versions.workspace_id text collate C not null
workflow_versions.version integer not null
workflow_versions.steps jsonb not null
workflow_versions.edges jsonb not null
workflow_versions.trigger jsonb
workflow_versions.default_retry_policy jsonb
workflow_versions.timeout_seconds integer not null
workflow_versions.author text not null
workflow_versions.created_at timestamp with time zone not null default now()

-- constraints
awaited_types awaited_types_definition_id_fkey FOREIGN KEY (definition_id) REFERENCES workflow_definitions(id) ON DELETE CASCADE
awaited_types awaited_types_pkey PRIMARY KEY (workspace_id, pattern, definition_id, version)
bus_events bus_events_pkey PRIMARY KEY (workspace_id, source, event_id)
changes changes_pkey PRIMARY KEY (stream_id, sequence)
dead_letters dead_letters_outcome_check CHECK ((outcome = ANY (ARRAY[''::text, 'ROUTED'::text, 'KNOWN'::text, 'STILL_POISON'::text])))
dead_letters dead_letters_pkey PRIMARY KEY (id)
human_tasks human_tasks_closed CHECK ((((status)::text = ANY (ARRAY['OPEN'::text, 'CLAIMED'::text])) = (closed_at IS NULL)))
human_tasks human_tasks_pkey PRIMARY KEY (run_id, step_id)
human_tasks human_tasks_version_check CHECK ((version > 0))
interactions interactions_pkey PRIMARY KEY (run_id, id)
purges purges_pkey PRIMARY KEY (id)
purges purges_runs_check CHECK ((runs > 0))
relay_shards relay_shards_lost CHECK (((lost_from IS NULL) = (lost_until IS NULL)))
relay_shards relay_shards_pkey PRIMARY KEY (shard)
relay_shards relay_shards_shard_check CHECK (((shard >= 0) AND (shard <= 31)))
relay_stream relay_stream_pkey PRIMARY KEY (stream)
replicas replicas_pkey PRIMARY KEY (holder)
retention_policies retention_policies_keep_seconds_check CHECK ((keep_seconds >= 0))
retention_policies retention_policies_pkey PRIMARY KEY (workspace_id, state)
retention_policies retention_policies_state_check CHECK ((state = ANY (ARRAY[''::text, 'COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text])))
retention_turn retention_turn_one_check CHECK (one)
retention_turn retention_turn_pkey PRIMARY KEY (one)
rpc_answers rpc_answers_pkey PRIMARY KEY (workspace_id, caller, key)
run_audit run_audit_pkey PRIMARY KEY (run_id, id)
run_causes run_causes_pkey PRIMARY KEY (run_id, cause)
run_effects run_effects_pkey PRIMARY KEY (run_id, effect_id)
run_holds run_holds_pkey PRIMARY KEY (run_id)
run_waits run_waits_pkey PRIMARY KEY (run_id, step_id, address)
schedules schedules_catch_up_seconds_check CHECK ((catch_up_seconds >= 0))
schedules schedules_check CHECK ((due_at >= next_at))
schedules schedules_definition_id_fkey FOREIGN KEY (definition_id) REFERENCES workflow_definitions(id) ON DELETE CASCADE
schedules schedules_jitter_seconds_check CHECK ((jitter_seconds >= 0))
schedules schedules_pkey PRIMARY KEY (definition_id)
schema_migrations schema_migrations_pkey PRIMARY KEY (version)
start_keys start_keys_pkey PRIMARY KEY (workspace_id, scope, key)
step_items step_items_pkey PRIMARY KEY (run_id, step_id)
step_items step_items_terminal CHECK ((((state)::text = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'WAITING'::text])) = (completed_at IS NULL)))
step_runs step_runs_pkey PRIMARY KEY (run_id, step_id)
step_runs step_runs_terminal CHECK ((((state)::text = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'WAITING'::text])) = (completed_at IS NULL)))
trigger_deliveries trigger_deliveries_pkey PRIMARY KEY (workspace_id, source, event_id, definition_id)
trigger_index trigger_index_definition_id_fkey FOREIGN KEY (definition_id) REFERENCES workflow_definitions(id) ON DELETE CASCADE
trigger_index trigger_index_pkey PRIMARY KEY (definition_id)
version_schemas version_schemas_definition_id_version_fkey FOREIGN KEY (definition_id, version) REFERENCES workflow_versions(definition_id, version) ON DELETE CASCADE
version_schemas version_schemas_pkey PRIMARY KEY (definition_id, version, revision)
version_schemas version_schemas_revision_check CHECK ((revision > 0))
workflow_definitions workflow_definitions_latest_version_check CHECK ((latest_version >= 0))
workflow_definitions workflow_definitions_max_run_seconds_check CHECK ((max_run_seconds >= 0))
workflow_definitions workflow_definitions_pkey PRIMARY KEY (id)
workflow_definitions workflow_definitions_sequence_check CHECK ((sequence >= 0))
workflow_definitions workflow_definitions_workspace_id_name_key UNIQUE (workspace_id, name)
workflow_runs workflow_runs_pkey PRIMARY KEY (id)
workflow_runs workflow_runs_terminal CHECK ((((state)::text = ANY (ARRAY['COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text])) = (completed_at IS NOT NULL)))
workflow_versions workflow_versions_definition_id_fkey FOREIGN KEY (definition_id) REFERENCES workflow_definitions(id) ON DELETE CASCADE
workflow_versions workflow_versions_definition_id_version_key UNIQUE (definition_id, version)
workflow_versions workflow_versions_pkey PRIMARY KEY (id)
workflow_versions workflow_versions_timeout_seconds_check CHECK ((timeout_seconds >= 0))
workflow_versions workflow_versions_version_check CHECK ((version > 0))

-- indexes
CREATE INDEX awaited_types_correlated ON public.awaited_types USING btree (workspace_id, pattern) WHERE (correlates <> '{}'::text[])
CREATE INDEX awaited_types_definition ON public.awaited_types USING btree (definition_id)
CREATE INDEX bus_events_about ON public.bus_events USING btree (workspace_id, about) WHERE ((about <> ''::text) AND (body IS NOT NULL))
CREATE INDEX bus_events_age ON public.bus_events USING btree (received_at)
CREATE INDEX bus_events_body_age ON public.bus_events USING btree (received_at) WHERE (body IS NOT NULL)
CREATE INDEX bus_events_correlations ON public.bus_events USING gin (correlations) WITH (fastupdate=off) WHERE ((correlations <> '{}'::text[]) AND (body IS NOT NULL))
CREATE INDEX bus_events_type ON public.bus_events USING btree (workspace_id, type) WHERE (body IS NOT NULL)
CREATE INDEX bus_events_unrouted ON public.bus_events USING btree (received_at) WHERE (routed_at IS NULL)
CREATE INDEX changes_published ON public.changes USING brin (published_at timestamptz_minmax_multi_ops) WITH (autosummarize='on')
CREATE INDEX changes_unpublished ON public.changes USING btree (shard, stream_id, sequence) WHERE (published_at IS NULL)
CREATE INDEX dead_letters_age ON public.dead_letters USING btree (received_at)
CREATE INDEX human_tasks_assignee ON public.human_tasks USING btree (workspace_id, assignee, created_at DESC) WHERE (assignee <> ''::text)
CREATE INDEX human_tasks_claimed ON public.human_tasks USING btree (workspace_id, claimed_by, created_at DESC) WHERE (claimed_by <> ''::text)
CREATE INDEX human_tasks_due ON public.human_tasks USING btree (workspace_id, due_at) WHERE (due_at IS NOT NULL)
CREATE INDEX human_tasks_group ON public.human_tasks USING btree (workspace_id, "group", created_at DESC) WHERE ("group" <> ''::text)
CREATE INDEX human_tasks_newest ON public.human_tasks USING btree (workspace_id, created_at DESC)
CREATE INDEX human_tasks_open ON public.human_tasks USING btree (workspace_id, created_at DESC) WHERE (closed_at IS NULL)
CREATE INDEX purges_newest ON public.purges USING btree (workspace_id, id DESC)
CREATE INDEX rpc_answers_age ON public.rpc_answers USING btree (created_at)
CREATE INDEX run_causes_calls ON public.run_causes USING btree (at) WHERE (cause ~~ 'rpc:%'::text)
CREATE INDEX run_causes_handed_in ON public.run_causes USING btree (workspace_id, cause) WHERE (cause ~~ 'event:rpc/%'::text)
CREATE INDEX run_effects_claimable ON public.run_effects USING btree (GREATEST(due_at, lease_until))
CREATE INDEX run_effects_deliveries ON public.run_effects USING btree (workspace_id, effect_id) WHERE (kind = 'Deliver'::text)
CREATE INDEX run_effects_shares ON public.run_effects USING btree (workspace_id, GREATEST(due_at, lease_until))
CREATE INDEX run_effects_stops ON public.run_effects USING btree (GREATEST(due_at, lease_until)) WHERE (kind = ANY (ARRAY['CancelChild'::text, 'CancelObjective'::text, 'PauseChild'::text]))
CREATE INDEX run_holds_newest ON public.run_holds USING btree (workspace_id, held_at DESC, run_id)
CREATE INDEX run_waits_address ON public.run_waits USING btree (workspace_id, address)
CREATE INDEX run_waits_unlooked ON public.run_waits USING btree (opened_at) WHERE (NOT looked)
CREATE INDEX schedules_buffered ON public.schedules USING btree (buffered_at) WHERE ((buffered_at IS NOT NULL) AND (paused_at IS NULL))
CREATE INDEX schedules_claimable ON public.schedules USING btree (GREATEST(due_at, lease_until)) WHERE (paused_at IS NULL)
CREATE INDEX schedules_workspace ON public.schedules USING btree (workspace_id, definition_id DESC)
CREATE INDEX start_keys_calls ON public.start_keys USING btree (created_at) WHERE (scope ~~ 'rpc:%'::text)
CREATE INDEX trigger_deliveries_due ON public.trigger_deliveries USING btree (due_at) WHERE (outcome = ''::text)
CREATE INDEX trigger_index_address ON public.trigger_index USING btree (workspace_id, address) WHERE enabled
CREATE INDEX workflow_definitions_newest ON public.workflow_definitions USING btree (workspace_id, id DESC)
CREATE INDEX workflow_definitions_tags ON public.workflow_definitions USING gin (tags)
CREATE INDEX workflow_runs_definition ON public.workflow_runs USING btree (workspace_id, definition_id, id DESC)
CREATE INDEX workflow_runs_due ON public.workflow_runs USING btree (wake_at) WHERE (wake_at IS NOT NULL)
CREATE INDEX workflow_runs_ended ON public.workflow_runs USING btree (workspace_id, completed_at, id) WHERE (completed_at IS NOT NULL)
CREATE INDEX workflow_runs_entity ON public.workflow_runs USING btree (workspace_id, entity_id, id DESC) WHERE (entity_id <> ''::text)
CREATE INDEX workflow_runs_failed ON public.workflow_runs USING btree (workspace_id, failure_reason, id DESC) WHERE (failure_reason <> ''::text)
CREATE INDEX workflow_runs_forks ON public.workflow_runs USING btree (forked_from) WHERE (forked_from <> ''::text)
CREATE INDEX workflow_runs_initiator ON public.workflow_runs USING btree (workspace_id, initiator_agent_id, id DESC) WHERE (initiator_agent_id <> ''::text)
CREATE INDEX workflow_runs_newest ON public.workflow_runs USING btree (workspace_id, id DESC)
CREATE INDEX workflow_runs_parent ON public.workflow_runs USING btree (parent_run_id) WHERE (parent_run_id <> ''::text)
CREATE INDEX workflow_runs_person ON public.workflow_runs USING btree (workspace_id, initiator_user_id, id DESC) WHERE (initiator_user_id <> ''::text)
CREATE INDEX workflow_runs_unfinished ON public.workflow_runs USING btree (workspace_id, id DESC) WHERE (completed_at IS NULL)
CREATE UNIQUE INDEX awaited_types_pkey ON public.awaited_types USING btree (workspace_id, pattern, definition_id, version)
CREATE UNIQUE INDEX bus_events_pkey ON public.bus_events USING btree (workspace_id, source, event_id)
CREATE UNIQUE INDEX changes_pkey ON public.changes USING btree (stream_id, sequence)
CREATE UNIQUE INDEX dead_letters_pkey ON public.dead_letters USING btree (id)
CREATE UNIQUE INDEX human_tasks_pkey ON public.human_tasks USING btree (run_id, step_id)
CREATE UNIQUE INDEX interactions_pkey ON public.interactions USING btree (run_id, id)
CREATE UNIQUE INDEX purges_pkey ON public.purges USING btree (id)
CREATE UNIQUE INDEX relay_shards_pkey ON public.relay_shards USING btree (shard)
CREATE UNIQUE INDEX relay_stream_pkey ON public.relay_stream USING btree (stream)
CREATE UNIQUE INDEX replicas_pkey ON public.replicas USING btree (holder)
CREATE UNIQUE INDEX retention_policies_pkey ON public.retention_policies USING btree (workspace_id, state)
CREATE UNIQUE INDEX retention_turn_pkey ON public.retention_turn USING btree (one)
CREATE UNIQUE INDEX rpc_answers_pkey ON public.rpc_answers USING btree (workspace_id, caller, key)
CREATE UNIQUE INDEX run_audit_pkey ON public.run_audit USING btree (run_id, id)
CREATE UNIQUE INDEX run_causes_pkey ON public.run_causes USING btree (run_id, cause)
CREATE UNIQUE INDEX run_effects_pkey ON public.run_effects USING btree (run_id, effect_id)
CREATE UNIQUE INDEX run_holds_pkey ON public.run_holds USING btree (run_id)
CREATE UNIQUE INDEX run_waits_pkey ON public.run_waits USING btree (run_id, step_id, address)
CREATE UNIQUE INDEX schedules_pkey ON public.schedules USING btree (definition_id)
CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (version)
CREATE UNIQUE INDEX start_keys_pkey ON public.start_keys USING btree (workspace_id, scope, key)
CREATE UNIQUE INDEX step_items_pkey ON public.step_items USING btree (run_id, step_id)
CREATE UNIQUE INDEX step_runs_pkey ON public.step_runs USING btree (run_id, step_id)
CREATE UNIQUE INDEX trigger_deliveries_pkey ON public.trigger_deliveries USING btree (workspace_id, source, event_id, definition_id)
CREATE UNIQUE INDEX trigger_index_pkey ON public.trigger_index USING btree (definition_id)
CREATE UNIQUE INDEX version_schemas_pkey ON public.version_schemas USING btree (definition_id, version, revision)
CREATE UNIQUE INDEX workflow_definitions_pkey ON public.workflow_definitions USING btree (id)
CREATE UNIQUE INDEX workflow_definitions_workspace_id_name_key ON public.workflow_definitions USING btree (workspace_id, name)
CREATE UNIQUE INDEX workflow_runs_pkey ON public.workflow_runs USING btree (id)
CREATE UNIQUE INDEX workflow_versions_definition_id_version_key ON public.workflow_versions USING btree (definition_id, version)
CREATE UNIQUE INDEX workflow_versions_pkey ON public.workflow_versions USING btree (id)

-- settings
approvals security_invoker=true
awaited_types  row security forced
bus_events autovacuum_vacuum_scale_factor=0.05 row security forced
changes autovacuum_vacuum_insert_scale_factor=0.1 autovacuum_vacuum_scale_factor=0.1 row security forced
dead_letters  row security forced
human_tasks  row security forced
interactions  row security forced
purges  row security forced
relay_shards fillfactor=50
relay_stream fillfactor=50
replicas fillfactor=50
retention_policies  row security forced
retention_turn
rpc_answers  row security forced
run_audit  row security forced
run_causes  row security forced
run_context security_invoker=true
run_conversation security_invoker=true
run_effects fillfactor=70 autovacuum_vacuum_scale_factor=0.02 row security forced
run_events security_invoker=true
run_events_iso security_invoker=true
run_holds  row security forced
run_waits autovacuum_vacuum_scale_factor=0.02 row security forced
schedules  row security forced
schema_migrations
start_keys  row security forced
step_items fillfactor=70 autovacuum_vacuum_scale_factor=0.02 autovacuum_analyze_scale_factor=0.05 row security forced
step_run_detail security_invoker=true
step_runs fillfactor=70 autovacuum_vacuum_scale_factor=0.02 autovacuum_analyze_scale_factor=0.05 row security forced
trigger_deliveries fillfactor=70 autovacuum_vacuum_scale_factor=0.02 row security forced
trigger_index  row security forced
version_schemas  row security forced
workflow_definitions  row security forced
workflow_links security_invoker=true
workflow_run_summary security_invoker=true
workflow_runs fillfactor=70 autovacuum_vacuum_scale_factor=0.02 autovacuum_analyze_scale_factor=0.05 row security forced
workflow_versions  row security forced

-- policies
awaited_types engine_works ALL to workflows_engine using true check true
awaited_types owner_works ALL to owner using true check true
awaited_types reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
bus_events engine_works ALL to workflows_engine using true check true
bus_events owner_works ALL to owner using true check true
bus_events reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
changes engine_works ALL to workflows_engine using true check true
changes owner_works ALL to owner using true check true
changes reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
dead_letters engine_works ALL to workflows_engine using true check true
dead_letters owner_works ALL to owner using true check true
dead_letters reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
human_tasks engine_works ALL to workflows_engine using true check true
human_tasks owner_works ALL to owner using true check true
human_tasks reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
interactions engine_works ALL to workflows_engine using true check true
interactions owner_works ALL to owner using true check true
interactions reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
purges engine_works ALL to workflows_engine using true check true
purges owner_works ALL to owner using true check true
purges reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
retention_policies engine_works ALL to workflows_engine using true check true
retention_policies owner_works ALL to owner using true check true
retention_policies reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
rpc_answers engine_works ALL to workflows_engine using true check true
rpc_answers owner_works ALL to owner using true check true
rpc_answers reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
run_audit engine_works ALL to workflows_engine using true check true
run_audit owner_works ALL to owner using true check true
run_audit reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
run_causes engine_works ALL to workflows_engine using true check true
run_causes owner_works ALL to owner using true check true
run_causes reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
run_effects engine_works ALL to workflows_engine using true check true
run_effects owner_works ALL to owner using true check true
run_effects reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
run_holds engine_works ALL to workflows_engine using true check true
run_holds owner_works ALL to owner using true check true
run_holds reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
run_waits engine_works ALL to workflows_engine using true check true
run_waits owner_works ALL to owner using true check true
run_waits reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
schedules engine_works ALL to workflows_engine using true check true
schedules owner_works ALL to owner using true check true
schedules reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
start_keys engine_works ALL to workflows_engine using true check true
start_keys owner_works ALL to owner using true check true
start_keys reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
step_items engine_works ALL to workflows_engine using true check true
step_items owner_works ALL to owner using true check true
step_items reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
step_runs engine_works ALL to workflows_engine using true check true
step_runs owner_works ALL to owner using true check true
step_runs reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
trigger_deliveries engine_works ALL to workflows_engine using true check true
trigger_deliveries owner_works ALL to owner using true check true
trigger_deliveries reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
trigger_index engine_works ALL to workflows_engine using true check true
trigger_index owner_works ALL to owner using true check true
trigger_index reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
version_schemas engine_works ALL to workflows_engine using true check true
version_schemas owner_works ALL to owner using true check true
version_schemas reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
workflow_definitions engine_works ALL to workflows_engine using true check true
workflow_definitions owner_works ALL to owner using true check true
workflow_definitions reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
workflow_runs engine_works ALL to workflows_engine using true check true
workflow_runs owner_works ALL to owner using true check true
workflow_runs reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check
workflow_versions engine_works ALL to workflows_engine using true check true
workflow_versions owner_works ALL to owner using true check true
workflow_versions reader_sees_workspace SELECT to workflows_reader using ((workspace_id = current_setting('workflows.workspace'::text, true)) OR (current_setting('workflows.workspace'::text, true) = '*'::text)) check

-- grants
approvals workflows_engine SELECT
approvals workflows_reader SELECT
awaited_types workflows_engine DELETE,INSERT,SELECT,UPDATE
awaited_types workflows_reader SELECT
bus_events workflows_engine DELETE,INSERT,SELECT,UPDATE
bus_events workflows_reader SELECT
changes workflows_engine DELETE,INSERT,SELECT,UPDATE
changes workflows_reader SELECT
dead_letters workflows_engine DELETE,INSERT,SELECT,UPDATE
dead_letters workflows_reader SELECT
human_tasks workflows_engine DELETE,INSERT,SELECT,UPDATE
human_tasks workflows_reader SELECT
interactions workflows_engine DELETE,INSERT,SELECT,UPDATE
interactions workflows_reader SELECT
purges workflows_engine DELETE,INSERT,SELECT,UPDATE
purges workflows_reader SELECT
relay_shards workflows_engine SELECT,UPDATE
relay_stream workflows_engine INSERT,SELECT,UPDATE
replicas workflows_engine DELETE,INSERT,SELECT,UPDATE
retention_policies workflows_engine DELETE,INSERT,SELECT,UPDATE
retention_policies workflows_reader SELECT
retention_turn workflows_engine SELECT,UPDATE
rpc_answers workflows_engine DELETE,INSERT,SELECT,UPDATE
rpc_answers workflows_reader SELECT
run_audit workflows_engine DELETE,INSERT,SELECT,UPDATE
run_audit workflows_reader SELECT
run_causes workflows_engine DELETE,INSERT,SELECT,UPDATE
run_causes workflows_reader SELECT
run_context workflows_engine SELECT
run_context workflows_reader SELECT
run_conversation workflows_engine SELECT
run_conversation workflows_reader SELECT
run_effects workflows_engine DELETE,INSERT,SELECT,UPDATE
run_effects workflows_reader SELECT
run_events workflows_engine SELECT
run_events workflows_reader SELECT
run_events_iso workflows_engine SELECT
run_events_iso workflows_reader SELECT
run_holds workflows_engine DELETE,INSERT,SELECT,UPDATE
run_holds workflows_reader SELECT
run_waits workflows_engine DELETE,INSERT,SELECT,UPDATE
run_waits workflows_reader SELECT
schedules workflows_engine DELETE,INSERT,SELECT,UPDATE
schedules workflows_reader SELECT
start_keys workflows_engine DELETE,INSERT,SELECT,UPDATE
start_keys workflows_reader SELECT
step_items workflows_engine DELETE,INSERT,SELECT,UPDATE
step_items workflows_reader SELECT
step_run_detail workflows_engine SELECT
step_run_detail workflows_reader SELECT
step_runs workflows_engine DELETE,INSERT,SELECT,UPDATE
step_runs workflows_reader SELECT
trigger_deliveries workflows_engine DELETE,INSERT,SELECT,UPDATE
trigger_deliveries workflows_reader SELECT
trigger_index workflows_engine DELETE,INSERT,SELECT,UPDATE
trigger_index workflows_reader SELECT
version_schemas workflows_engine DELETE,INSERT,SELECT,UPDATE
version_schemas workflows_reader SELECT
workflow_definitions workflows_engine DELETE,INSERT,SELECT,UPDATE
workflow_definitions workflows_reader SELECT
workflow_links workflows_engine SELECT
workflow_links workflows_reader SELECT
workflow_run_summary workflows_engine SELECT
workflow_run_summary workflows_reader SELECT
workflow_runs workflows_engine DELETE,INSERT,SELECT,UPDATE
workflow_runs workflows_reader SELECT
workflow_versions workflows_engine DELETE,INSERT,SELECT,UPDATE
workflow_versions workflows_reader SELECT

-- triggers
CREATE TRIGGER touch BEFORE UPDATE ON public.human_tasks FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
CREATE TRIGGER touch BEFORE UPDATE ON public.retention_policies FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
CREATE TRIGGER touch BEFORE UPDATE ON public.schedules FOR EACH ROW EXECUTE FUNCTION touch_updated_at()
CREATE TRIGGER touch BEFORE UPDATE ON public.workflow_definitions FOR EACH ROW EXECUTE FUNCTION touch_updated_at()

-- functions
CREATE OR REPLACE FUNCTION public.pattern_prefix(pattern text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    select substring(pattern from '^[^*>]*') collate "C"
$function$
CREATE OR REPLACE FUNCTION public.pattern_regex(pattern text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    select '^' || replace(replace(regexp_replace(pattern, '([][\\^$.|?+(){}])', '\\\1', 'g'),
                                  '*', '[^.]*'), '>', '.*') || '$'
$function$
CREATE OR REPLACE PROCEDURE public.protect(IN target regclass)
 LANGUAGE plpgsql
AS $procedure$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('create policy owner_works on %s to %I using (true) with check (true)', target, current_user);
    execute format('create policy engine_works on %s to workflows_engine using (true) with check (true)', target);
    execute format(
        'create policy reader_sees_workspace on %s for select to workflows_reader using '
        '(workspace_id = current_setting(''workflows.workspace'', true) '
        'or current_setting(''workflows.workspace'', true) = ''*'')', target);
    execute format('grant select on %s to workflows_reader', target);
    execute format('grant select, insert, update, delete on %s to workflows_engine', target);
end
$procedure$
CREATE OR REPLACE FUNCTION public.touch_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    new.updated_at := now();
    return new;
end
$function$

-- views
approvals as SELECT s.run_id,
    s.step_id,
    s.workspace_id,
    s.state AS step_state,
    s.approval_request_id,
    a.risk_level,
    a.requested_by,
    a.requested_at,
    a.decision,
    a.comment,
    a.decided_by,
    a.decided_at,
    s.deadline_at,
    a.auto_approval
   FROM (step_runs s
     CROSS JOIN LATERAL jsonb_to_record((s.evidence -> 'approval'::text)) a(risk_level text, requested_by text, requested_at timestamp with time zone, decision text, comment text, decided_by text, decided_at timestamp with time zone, auto_approval jsonb))
  WHERE (s.evidence ? 'approval'::text);
run_context as SELECT r.id AS run_id,
    r.workspace_id,
    ('input.'::text || f.key) AS key,
    f.value
   FROM (workflow_runs r
     CROSS JOIN LATERAL jsonb_each(r.input_payload) f(key, value))
UNION ALL
 SELECT s.run_id,
    s.workspace_id,
    ((('output.'::text || s.step_id) || '.'::text) || f.key) AS key,
    f.value
   FROM (step_runs s
     CROSS JOIN LATERAL jsonb_each(s.output_payload) f(key, value));
run_conversation as SELECT i.run_id,
    i.id,
    i.workspace_id,
    i.at,
    i.step_id,
    COALESCE(s.step_name, m.step_name) AS step_name,
    i.kind,
    i.author,
    i.text,
    i.body
   FROM ((interactions i
     LEFT JOIN step_runs s ON (((s.run_id = i.run_id) AND (s.step_id = i.step_id))))
     LEFT JOIN step_items m ON (((m.run_id = i.run_id) AND (m.step_id = i.step_id))));
run_events as SELECT stream_id AS run_id,
    sequence,
    aggregate,
    operation,
    step_id,
    workspace_id,
    actor,
    cause,
    recorded_at,
    data,
    published_at
   FROM changes
  WHERE ((aggregate)::text = ANY (ARRAY['run'::text, 'step'::text]));
run_events_iso as SELECT run_id,
    sequence,
    aggregate,
    operation,
    step_id,
    workspace_id,
    actor,
    cause,
    to_char((recorded_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text) AS recorded_at,
    data,
    to_char((published_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text) AS published_at
   FROM run_events;
step_run_detail as SELECT s.run_id,
    s.step_id,
    s.workspace_id,
    r.definition_id,
    r.definition_version,
    r.state AS run_state,
    s."position",
    s.step_name,
    s.step_type,
    s.state,
    s.attempt,
    s.retry_count,
    s.agent_id,
    s.objective_id,
    s.error_reason,
    s.error_message,
    s.cost_usd,
    s.started_at,
    s.completed_at,
    (COALESCE(s.completed_at, now()) - s.started_at) AS duration
   FROM (step_runs s
     JOIN workflow_runs r ON ((r.id = s.run_id)));
workflow_links as SELECT r.workspace_id,
    r.definition_id,
    d.name AS definition_name,
    r.definition_version,
    r.id AS run_id,
    r.state,
    r.depth,
    p.id AS parent_run_id,
    p.definition_id AS parent_definition_id,
    p.definition_version AS parent_definition_version,
    NULLIF(r.parent_step_id, ''::text) AS parent_step_id,
    ( SELECT count(*) AS count
           FROM workflow_runs c
          WHERE (c.parent_run_id = r.id)) AS children
   FROM ((workflow_runs r
     LEFT JOIN workflow_definitions d ON ((d.id = r.definition_id)))
     LEFT JOIN workflow_runs p ON ((p.id = r.parent_run_id)));
workflow_run_summary as SELECT r.id AS run_id,
    r.workspace_id,
    r.definition_id,
    d.name AS definition_name,
    r.definition_version,
    r.state,
    ARRAY( SELECT s.step_id
           FROM step_runs s
          WHERE ((s.run_id = r.id) AND ((s.state)::text = ANY (ARRAY['RUNNING'::text, 'WAITING'::text])))
          ORDER BY s."position") AS current_steps,
    ( SELECT COALESCE(jsonb_object_agg(c.state, c.steps), '{}'::jsonb) AS "coalesce"
           FROM ( SELECT s.state,
                    count(*) AS steps
                   FROM step_runs s
                  WHERE (s.run_id = r.id)
                  GROUP BY s.state) c) AS steps_by_state,
    ( SELECT count(*) AS count
           FROM step_runs s
          WHERE ((s.run_id = r.id) AND ((s.state)::text = ANY (ARRAY['RUNNING'::text, 'WAITING'::text])) AND (s.evidence ? 'approval'::text))) AS pending_approvals,
    r.total_cost_usd,
    r.started_at,
    r.completed_at,
    (COALESCE(r.completed_at, now()) - r.started_at) AS duration
   FROM (workflow_runs r
     LEFT JOIN workflow_definitions d ON ((d.id = r.definition_id)));

-- comments
column about of table bus_events: The address of what it reports on: an objective, an approval, an evaluation; or empty.
column actor of table changes: Who did it.
column actor of table run_audit: Who reported it.
column actor of table version_schemas: Who set it.
column actor of view run_events: Who did it.
column actor of view run_events_iso: Who did it.
column address of table run_waits: objective:<id>, approval:<id>, governance:<run>/<step>, event:<type pattern>, with #<correlation> if it has one.
column address of table trigger_index: event:<type pattern>, tap:<provider>.<entity type>.<action> with nothing for any, or cron:<expression>.
column agent_id of table step_items: The agent that does the work, or empty.
column agent_id of table step_runs: The agent that does the work, or empty.
column agent_id of view step_run_detail: The agent that does the work, or empty.
column aggregate of table changes: What changed: a run, a step of it, a definition or a version.
column aggregate of view run_events: What changed: the run or a step of it.
column aggregate of view run_events_iso: What changed: the run or a step of it.
column alarms of table step_items: Named times at which the step's rules look again.
column alarms of table step_runs: Named times at which the step's rules look again.
column alive_until of table replicas: Counts as alive until then.
column applied_at of table schema_migrations: When.
column approval_request_id of table step_items: The approval it waits for, or empty.
column approval_request_id of table step_runs: The approval it waits for, or empty.
column approval_request_id of view approvals: Its id at the approvals service; empty until that has answered.
column assignee of table human_tasks: The person it was given to, or empty.
column at of table interactions: When.
column at of table run_audit: When.
column at of table run_causes: When.
column at of view run_conversation: When.
column attempt of table human_tasks: The step's attempt that opened it.
column attempt of table run_effects: The step's attempt that asked for it.
column attempt of table step_items: 0 before the first start, then counts up.
column attempt of table step_runs: 0 before the first start, then counts up.
column attempt of view step_run_detail: 0 before the first start, then counts up.
column author of table interactions: Who said it.
column author of table workflow_versions: Who published it.
column author of view run_conversation: Who said it.
column auto_approval of view approvals: What an approval without a person rested on; null when it had one.
column batch of table step_items: The batch it goes with; null without one.
column body of table bus_events: The rest of the event; null when nobody can want it any more.
column body of table interactions: Its details, as the choices of a choice.
column body of view run_conversation: Its details, as the choices of a choice.
column buffered_at of table schedules: A tick that waits for the last run to end; null when there is none.
column bus_subject of table bus_events: Where it was published.
column bus_subject of table dead_letters: Where it was published.
column caller of table rpc_answers: Whose key it is.
column catch_up_seconds of table schedules: How late a tick may be made up for; one that is late by less than a minute always is.
column cause of table changes: The request, event, effect or timer that led to it.
column cause of table run_audit: The request, event or effect it came with.
column cause of table run_causes: The event or the caller's key.
column cause of view run_events: The request, event, effect or timer that led to it.
column cause of view run_events_iso: The request, event, effect or timer that led to it.
column chain of table workflow_runs: The definitions on the way that led to it, the first one first.
column children of view workflow_links: How many runs it has started.
column claimed_by of table human_tasks: The person who works on it, or empty.
column closed_at of table human_tasks: When it ended; set in the ended states and only there.
column command of table run_audit: What was reported.
column comment of view approvals: What was said with it.
column compensation of table workflow_runs: The state it was compensated from, what it had failed of, who asked and why.
column completed_at of table step_items: When it ended; set in terminal states and only there.
column completed_at of table step_runs: When it ended; set in terminal states and only there.
column completed_at of table workflow_runs: When it ended; set in terminal states and only there.
column completed_at of view step_run_detail: When it ended; null until then.
column completed_at of view workflow_run_summary: When it ended; null until then.
column completed_by of table human_tasks: The person who ended it, or empty.
column correlates of table awaited_types: Expressions over such an event whose value tells its waits apart.
column correlations of table bus_events: Keys of the values by which waits tell it apart; known once it was routed.
column cost_usd of table step_items: Sum over attempts, exact.
column cost_usd of table step_runs: Sum over attempts, exact.
column cost_usd of view step_run_detail: Sum over attempts, exact.
column created_at of table human_tasks: When the row was written first; lists are ordered by it.
column created_at of table relay_stream: When it was made, on the clock of the bus.
column created_at of table retention_policies: When there first was one.
column created_at of table rpc_answers: When; keys live for a day.
column created_at of table schedules: When a version with a schedule was first published.
column created_at of table start_keys: When; keys of calls live for a day.
column created_at of table workflow_definitions: When it was created.
column created_at of table workflow_versions: When it was published.
column cron_expr of table schedules: Five fields, as the latest version has them.
column current_steps of view workflow_run_summary: Ids of the steps that are RUNNING or WAITING, in topological order.
column data of table changes: The rows as they were just after it; folding them in order gives the state.
column data of view run_events: The rows as they were just after it.
column data of view run_events_iso: The rows as they were just after it.
column deadline_at of table step_items: When the present attempt times out.
column deadline_at of table step_runs: When the present attempt times out.
column deadline_at of table workflow_runs: When the run itself times out.
column deadline_at of view approvals: When the step times out.
column decided_at of view approvals: When it was decided; null until then.
column decided_by of view approvals: Who decided; null until the end.
column decision of view approvals: The last that was said, as APPROVED or ESCALATED; null while nothing was.
column default_retry_policy of table workflow_versions: For steps without a policy of their own.
column definition_id of table awaited_types: The definition with the waiting step.
column definition_id of table human_tasks: What the run runs.
column definition_id of table schedules: The definition.
column definition_id of table trigger_deliveries: The definition that it may start.
column definition_id of table trigger_index: The definition.
column definition_id of table version_schemas: The definition.
column definition_id of table workflow_runs: What it runs.
column definition_id of table workflow_versions: The definition it belongs to.
column definition_id of view step_run_detail: What the run runs.
column definition_id of view workflow_links: What it runs.
column definition_id of view workflow_run_summary: What it runs.
column definition_name of view workflow_links: The same for people.
column definition_name of view workflow_run_summary: The same for people.
column definition_version of table workflow_runs: Which version of it.
column definition_version of view step_run_detail: Which version of it.
column definition_version of view workflow_links: Which version of it.
column definition_version of view workflow_run_summary: Which version of it.
column delegation_id of table step_items: The delegation that led there, or empty.
column delegation_id of table step_runs: The delegation that led there, or empty.
column depth of table workflow_runs: How long its line of parents is, itself counted.
column depth of view workflow_links: How long its line of parents is, itself counted.
column description of table workflow_definitions: For people.
column digest of table bus_events: Hash of the event: the same id with another body is poison.
column digest of table rpc_answers: Hash of the request: the same key with another request is a conflict.
column digest of table run_causes: Hash of what it carried: the same cause with another body is a conflict.
column digest of table start_keys: Hash of the body: the same key with another body is a conflict.
column due_at of table human_tasks: When it should be done.
column due_at of table run_effects: Not before.
column due_at of table schedules: The same with its jitter: not before.
column due_at of table trigger_deliveries: Not before; whoever takes it on moves this by a lease.
column duration of view step_run_detail: From the start of the present attempt to its end, or to now.
column duration of view workflow_run_summary: From its start to its end, or to now.
column edges of table workflow_versions: The edges in declaration order.
column effect_id of table run_effects: Unique within the run and never used again; with run_id the idempotency key.
column enabled of table trigger_index: As the definition is.
column enabled of table workflow_definitions: Whether runs may start; those that go on are not touched.
column entity_id of table workflow_runs: The record it is about, or empty.
column entity_type of table workflow_runs: What kind of record that is.
column error_message of table step_items: The same for people.
column error_message of table step_runs: The same for people.
column error_message of view step_run_detail: The same for people.
column error_reason of table step_items: Stable word for what went wrong, or empty.
column error_reason of table step_runs: Stable word for what went wrong, or empty.
column error_reason of view step_run_detail: Stable word for what went wrong, or empty.
column event_id of table bus_events: The CloudEvent's id, unique within its source.
column event_id of table step_items: The event that ended its wait, or empty.
column event_id of table step_runs: The event that ended its wait, or empty.
column event_id of table trigger_deliveries: The event's id.
column evidence of table step_items: What a decision of governance or an approver rested on; never on the wire.
column evidence of table step_runs: What a decision of governance or an approver rested on; never on the wire.
column failure_message of table workflow_runs: The same for people.
column failure_reason of table workflow_runs: Stable word; set as soon as a step has failed for good.
column forked_from of table workflow_runs: The run it was made from, or empty.
column forked_step of table workflow_runs: The step from which it goes on anew, or empty.
column form_schema of table human_tasks: JSON Schema that the output has to satisfy; {} when anything goes.
column free_at of table retention_turn: When another may take it; after a pass the time of the next one.
column governance_decision of table step_items: What governance said, or empty.
column governance_decision of table step_runs: What governance said, or empty.
column group of table human_tasks: The group it was given to, or empty.
column headers of table dead_letters: The headers as they came.
column held_at of table run_holds: Since when.
column held_by of table run_holds: Who holds it.
column holder of table relay_shards: The replica that holds it, or empty.
column holder of table replicas: A name that is unique to the process.
column holder of table retention_turn: The replica that is at it, or empty.
column id of table dead_letters: Order of arrival.
column id of table interactions: Order of arrival.
column id of table purges: In the order they happened.
column id of table run_audit: Order of arrival.
column id of table workflow_definitions: wf_ and a UUIDv7.
column id of table workflow_runs: wfr_ and a UUIDv7.
column id of table workflow_versions: wfv_ and a UUIDv7.
column id of view run_conversation: Order of arrival.
column initiator_agent_id of table workflow_runs: The agent that started it, or empty.
column initiator_user_id of table workflow_runs: The person who started it, or empty.
column input_payload of table step_items: What upstream handed down.
column input_payload of table step_runs: What upstream handed down.
column input_payload of table workflow_runs: What it was started with.
column input_schema of table version_schemas: JSON Schema of the input; {} demands nothing.
column instructions of table human_tasks: For people, at length.
column item_index of table step_items: Its place in the list, from 0.
column jitter_seconds of table schedules: Each tick is put off by up to this, always the same for the same tick.
column keep_seconds of table retention_policies: How long after its end a run is kept at least; 0 is for ever.
column kept of table bus_events: Nobody waited when it was routed, but somebody may yet.
column key of table rpc_answers: The idempotency key.
column key of table start_keys: Unique within the scope.
column key of view run_context: input.<key> or output.<step>.<key>.
column kind of table interactions: What it is.
column kind of table run_effects: Which call it is.
column kind of view run_conversation: What it is: a question, a comment and so on.
column last_error of table run_effects: What the last try in vain met.
column last_run_id of table schedules: That run, or empty.
column last_sequence of table relay_stream: The number of its last message.
column last_tick_at of table schedules: The last tick that a run was started for.
column latest_version of table workflow_definitions: Number of the newest version; 0 before the first is published.
column lease_token of table run_effects: Fencing token: grows with every claim, an answer counts only under the present one.
column lease_until of table relay_shards: Until when it holds it.
column lease_until of table run_effects: Held by somebody until then.
column lease_until of table schedules: Somebody is at its tick until then.
column looked of table run_waits: Whether the events that came before it have been looked through.
column lost_from of table relay_shards: What was published from here on may be lost; nothing goes out until it is unmarked.
column lost_until of table relay_shards: What was published later is not lost.
column max_run_seconds of table workflow_definitions: Bounds every run that starts, whatever its version says; 0 is no bound.
column max_seconds of table workflow_runs: How long it may take from its start or from being reopened; 0 is for ever.
column message of table run_audit: The same for people.
column method of table rpc_answers: The method that was called.
column missed of table schedules: Ticks that passed while nobody was there to start them.
column name of table schema_migrations: Its name.
column name of table workflow_definitions: Unique in its workspace.
column next_at of table schedules: The tick it stands at.
column notification_id of table step_items: The notification it sent, or empty.
column notification_id of table step_runs: The notification it sent, or empty.
column objective_id of table step_items: The objective that does the work, or empty.
column objective_id of table step_runs: The objective that does the work, or empty.
column objective_id of view step_run_detail: The objective that does the work, or empty.
column one of table retention_turn: Always true.
column opened_at of table human_tasks: When the present attempt opened it, on the clock of the decision.
column opened_at of table run_waits: When it was registered.
column operation of table changes: What happened, as in the event's type.
column operation of view run_events: What happened, as in the event's type.
column operation of view run_events_iso: What happened, as in the event's type.
column outcome of table dead_letters: What became of it then, or empty.
column outcome of table trigger_deliveries: started, or a stable word for why it never can be; empty until then.
column outcome_reason of table dead_letters: Stable word for what was still wrong with it, or empty.
column output_payload of table step_items: What it hands down or found out.
column output_payload of table step_runs: What it hands down or found out.
column output_payload of table workflow_runs: What it has yielded.
column output_schema of table version_schemas: JSON Schema of the output; {} demands nothing.
column overlap of table schedules: What happens to a tick while the run of the last one goes on.
column parent_attempt of table workflow_runs: The attempt of that step; 0 without one.
column parent_definition_id of view workflow_links: What the parent runs.
column parent_definition_version of view workflow_links: Which version of it.
column parent_run_id of table workflow_runs: The run whose step started it, or empty.
column parent_run_id of view workflow_links: The run whose step started it; null when there is none.
column parent_step of table step_items: The step it is an item of.
column parent_step_id of table workflow_runs: The step (or item) of the parent run whose work this run is, or empty.
column parent_step_id of view workflow_links: The step (or item) of the parent whose work it is; null when it is no step's.
column parent_word of table workflow_runs: Number of the last word of its parent about pausing; an older one is ignored.
column pattern of table awaited_types: The type pattern as the step gives it; > when it gives only a subject.
column pause_reason of table schedules: What was said with that.
column paused_at of table schedules: Since when nothing is started; null when it is not paused.
column paused_by of table schedules: Who paused it.
column pauses of table workflow_runs: Who pauses it (caller, parent), since when and why; empty while nobody does.
column pending_approvals of view workflow_run_summary: Steps that wait for somebody to decide.
column policy of table purges: By state, how many seconds after its end, or before which moment, a run had to go.
column position of table step_runs: Topological order, ties in declaration order; compensation steps follow.
column position of view step_run_detail: Topological order; compensation steps follow.
column published_at of table changes: When the bus acknowledged it; null until then.
column published_at of view run_events: When the bus acknowledged it; null until then.
column published_at of view run_events_iso: When the bus acknowledged it, in the same form; null until then.
column purged_at of table purges: When.
column purged_by of table purges: The service itself where a policy asked for it, else who did.
column raw of table dead_letters: The bytes as they came.
column reason of table dead_letters: Stable word for what is wrong with it.
column reason of table run_audit: Stable word for why it changed nothing.
column reason of table run_holds: Why it must stay.
column received_at of table bus_events: When it was first heard.
column received_at of table dead_letters: When it was heard.
column recorded_at of table changes: The moment of the decision, on the database's clock.
column recorded_at of view run_events: The moment of the decision, on the database's clock.
column recorded_at of view run_events_iso: The moment of the decision, as in 2026-03-02T09:00:00.123456Z.
column remind_at of table human_tasks: When its people are reminded.
column replayed_at of table dead_letters: When it was last replayed; null until then.
column request of table run_effects: The bytes to send, the same at every try.
column requested_at of view approvals: When it was asked.
column requested_by of view approvals: The agent that asked, who may not decide; or empty.
column response of table rpc_answers: What was answered, as JSON.
column retry_at of table step_items: When the next attempt may start.
column retry_at of table step_runs: When the next attempt may start.
column retry_count of table step_items: Retries so far.
column retry_count of table step_runs: Retries so far.
column retry_count of view step_run_detail: Retries so far.
column revision of table version_schemas: 1, 2, 3 within the version, no gaps.
column risk_level of view approvals: How risky the definition says it is, or empty.
column routed_at of table bus_events: When it was handed to those who waited; null until then.
column run_id of table human_tasks: The run.
column run_id of table interactions: The run.
column run_id of table run_audit: The run.
column run_id of table run_causes: The run.
column run_id of table run_effects: The run that owes it.
column run_id of table run_holds: The run.
column run_id of table run_waits: The run.
column run_id of table start_keys: The run that was started with it.
column run_id of table step_items: The run.
column run_id of table step_runs: The run.
column run_id of table trigger_deliveries: The run that was started, or empty.
column run_id of view approvals: The run.
column run_id of view run_context: The run.
column run_id of view run_conversation: The run.
column run_id of view run_events: The run.
column run_id of view run_events_iso: The run.
column run_id of view step_run_detail: The run.
column run_id of view workflow_links: The run.
column run_id of view workflow_run_summary: The run.
column run_state of view step_run_detail: The run's state.
column runs of table purges: How many runs.
column schema_revision of table workflow_runs: The revision of its version's schemas that it started under; 0 is none.
column schema_revisions of table workflow_definitions: The last revision of the schemas of each version that ever had some, read with every start.
column scope of table start_keys: rpc:<caller>, event:<definition>, tick:<definition>, tap:<definition> or child.
column sequence of table changes: 1, 2, 3 within its stream, no gaps.
column sequence of table run_causes: The run's last change after it, to answer a repetition as the first time.
column sequence of table start_keys: That run's last change after the start.
column sequence of table trigger_deliveries: That run's last change after the start.
column sequence of table workflow_definitions: Number of the last change of this definition or its versions.
column sequence of table workflow_runs: Number of the last change of this run.
column sequence of view run_events: 1, 2, 3 within the run, no gaps.
column sequence of view run_events_iso: 1, 2, 3 within the run, no gaps.
column set_at of table version_schemas: When.
column set_by of table retention_policies: Who set it last.
column settled_cost_usd of table step_items: The part of it that earlier attempts used.
column settled_cost_usd of table step_runs: The part of it that earlier attempts used.
column sha256 of table schema_migrations: Hash of its file when it was applied.
column shard of table changes: Which relay publishes it: a hash of stream_id.
column shard of table relay_shards: See changes.shard.
column skipped of table schedules: Ticks that were left out because the last run still went on.
column source of table bus_events: The CloudEvent's source.
column source of table trigger_deliveries: The event's source.
column started_at of table step_items: When the present attempt started.
column started_at of table step_runs: When the present attempt started.
column started_at of table workflow_runs: When it started.
column started_at of view step_run_detail: When the present attempt started.
column started_at of view workflow_run_summary: When it started.
column state of table retention_policies: The state a run has ended in, or empty for all.
column state of table step_items: A state of the step table in the domain.
column state of table step_runs: A state of the step table in the domain.
column state of table workflow_runs: A state of the run table in the domain.
column state of view step_run_detail: A state of the step table in the domain.
column state of view workflow_links: A state of the run table in the domain.
column state of view workflow_run_summary: A state of the run table in the domain.
column status of table human_tasks: How far it is.
column step_id of table changes: The step it is about, or empty.
column step_id of table human_tasks: The step it is the work of.
column step_id of table interactions: The step (or item) it is about.
column step_id of table run_audit: The step it was about, or empty.
column step_id of table run_effects: The step that asked for it.
column step_id of table run_waits: The step that can be reached.
column step_id of table step_items: The item's key: the step's id and the index, as in each[3].
column step_id of table step_runs: The step's id in the definition.
column step_id of view approvals: The step that asked.
column step_id of view run_conversation: The step (or item) it is about.
column step_id of view run_events: The step it is about, or empty.
column step_id of view run_events_iso: The step it is about, or empty.
column step_id of view step_run_detail: The step's id in the definition.
column step_name of table step_items: Its name in the definition.
column step_name of table step_runs: Its name in the definition.
column step_name of view run_conversation: The same for people.
column step_name of view step_run_detail: Its name in the definition.
column step_state of view approvals: The state of that step.
column step_type of table step_items: What kind of step it is.
column step_type of table step_runs: What kind of step it is.
column step_type of view step_run_detail: What kind of step it is.
column steps of table workflow_versions: The step definitions in declaration order.
column steps_by_state of view workflow_run_summary: How many steps are in each state that some step is in.
column stream of table relay_stream: Its name.
column stream_id of table changes: The run or the definition.
column subject of table bus_events: The CloudEvent's own subject.
column tags of table workflow_definitions: Labels to filter lists by.
column text of table interactions: What was said.
column text of view run_conversation: What was said.
column timeout_seconds of table workflow_versions: Bounds a run, and a step without a timeout; 0 is no bound.
column timezone of table schedules: IANA name of the zone on whose wall clock the expression is read.
column title of table human_tasks: For people, in a line.
column total_cost_usd of table workflow_runs: Sum over its steps, exact.
column total_cost_usd of view workflow_run_summary: Sum over its steps, exact.
column trace of table bus_events: As in changes: the trace it came with when it was first heard.
column trace of table changes: The traceparent of its cause, behind a blank its tracestate; or empty.
column trace of table run_effects: As in changes: the trace of what made the run owe it; goes out with the call.
column tries of table run_effects: How often it was tried in vain.
column tries of table trigger_deliveries: How often it was taken on again.
column trigger of table workflow_versions: What starts a run; null when the publisher named nothing.
column trigger_event_id of table workflow_runs: Id of the CloudEvent that started it, or empty.
column trigger_type of table workflow_runs: What kind of thing started it.
column type of table bus_events: The CloudEvent's type.
column updated_at of table human_tasks: When it last changed.
column updated_at of table retention_policies: When it was set last.
column updated_at of table schedules: When it last ticked or was changed.
column updated_at of table workflow_definitions: When it last changed or got a version.
column updated_at of table workflow_runs: When it was last written; set by the statement.
column value of view run_context: What is under that key, as JSON.
column version of table awaited_types: Its version with the waiting step.
column version of table human_tasks: Counts its changes; whoever changes it names the version they saw.
column version of table schedules: Grows with every change of the policy.
column version of table schema_migrations: Number of the migration.
column version of table trigger_index: Its latest version, whose trigger this is.
column version of table version_schemas: Its version.
column version of table workflow_runs: Fencing token: every write names the version it read and adds one.
column version of table workflow_versions: 1, 2, 3 within its definition, no gaps.
column wake_at of table workflow_runs: When the clock alone can next change the run.
column workspace_id of table awaited_types: The tenant.
column workspace_id of table bus_events: The tenant.
column workspace_id of table changes: The tenant.
column workspace_id of table dead_letters: The tenant that its headers name, else empty.
column workspace_id of table human_tasks: The tenant.
column workspace_id of table interactions: The tenant.
column workspace_id of table purges: The tenant whose runs they were.
column workspace_id of table retention_policies: The tenant, or * for all that have none of their own.
column workspace_id of table rpc_answers: The tenant.
column workspace_id of table run_audit: The tenant.
column workspace_id of table run_causes: The tenant.
column workspace_id of table run_effects: The tenant.
column workspace_id of table run_holds: The tenant.
column workspace_id of table run_waits: The tenant.
column workspace_id of table schedules: The tenant.
column workspace_id of table start_keys: The tenant.
column workspace_id of table step_items: The tenant.
column workspace_id of table step_runs: The tenant.
column workspace_id of table trigger_deliveries: The tenant.
column workspace_id of table trigger_index: The tenant.
column workspace_id of table version_schemas: The tenant.
column workspace_id of table workflow_definitions: The tenant.
column workspace_id of table workflow_runs: The tenant.
column workspace_id of table workflow_versions: The tenant.
column workspace_id of view approvals: The tenant.
column workspace_id of view run_context: The tenant.
column workspace_id of view run_conversation: The tenant.
column workspace_id of view run_events: The tenant.
column workspace_id of view run_events_iso: The tenant.
column workspace_id of view step_run_detail: The tenant.
column workspace_id of view workflow_links: The tenant.
column workspace_id of view workflow_run_summary: The tenant.
function pattern_prefix(text): What every type that matches the pattern begins with.
function pattern_regex(text): The same pattern as a regular expression.
function protect(regclass): Row-level security and grants for one table that has a workspace_id.
function touch_updated_at(): Trigger of the cold tables: every update moves updated_at.
table awaited_types: Event types that a published version waits for: such events are kept though nobody waits yet.
table bus_events: Every event heard, remembered by its id; the body as long as somebody may want it.
table changes: History, audit trail and outbox in one: what happened to a run or a definition, in order.
table dead_letters: Messages that could not be understood or trusted.
table human_tasks: A person's work on a HUMAN_TASK step.
table interactions: The conversation of a run: what agents and people asked, told and answered.
table purges: What was purged: one row for each batch, with counts only.
table relay_shards: Which replica publishes the changes of which shard.
table relay_stream: The stream of our changes as it was last seen: an older or shorter one has lost something.
table replicas: The replicas that share the publishing: their number gives each its fair share.
table retention_policies: How long runs are kept after their end; the most specific policy counts.
table retention_turn: Whose turn it is to purge by the policies: one row.
table rpc_answers: Answers to calls about definitions that carried an idempotency key.
table run_audit: Reports that changed nothing, and why; never published.
table run_causes: Events and calls that a run has taken into account: a repetition changes nothing.
table run_effects: Calls that a run owes the world; the row is deleted by the apply that records the answer.
table run_holds: Runs that are not purged, nor any run of their family, until they are released.
table run_waits: Under which addresses the steps of all runs can be reached: an index for the router.
table schedules: Definitions whose latest version is started by a schedule: its policy and where it stands.
table schema_migrations: Which migrations this database has seen.
table start_keys: Who may start a run: inserting the key is the fence of a start.
table step_items: One item of a step that works through a list: a step run in the small.
table step_runs: One step of one run.
table trigger_deliveries: Events that were routed to a definition, and what became of that; forgotten together with the event.
table trigger_index: Under which address an event or a tick finds a definition: by the trigger of its latest version.
table version_schemas: What a version demands of the input and the output of its runs; rows are only added.
table workflow_definitions: A named workflow of a workspace; what it does is in its versions.
table workflow_runs: One run of one version: the truth, together with its steps.
table workflow_versions: An immutable snapshot of a graph of steps; a run follows exactly one.
type aggregate_type: What can change.
type interaction_kind: What an entry in a run's conversation is.
type run_state: A state of the run table in the domain.
type schedule_overlap: What happens to a tick while the run of an earlier one still goes on.
type step_state: A state of the step table in the domain.
type step_type: The kinds of steps.
type task_status: How far a person's work on a step is.
type trigger_type: What can start a run.
type usd: Money, exact.
view approvals: Our own record of every approval that a step has asked for.
view run_context: What a run was started with and what its steps found, a row for each key of a payload.
view run_conversation: What agents and people said in a run; order by id.
view run_events: The history of runs.
view run_events_iso: The history of runs with times as ISO 8601 text in UTC.
view step_run_detail: Every step with what concerns it of its run.
view workflow_links: Every run with its version and its parent; its children are the rows that name it as theirs.
view workflow_run_summary: Every run in a line.
