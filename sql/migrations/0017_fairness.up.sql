-- While more is due than one claim takes every workspace has a share of it, and what stops work does not wait behind what
-- begins it; whether an event is still owed to somebody is one look. The last two hold a handful of rows.

create index run_effects_shares on run_effects (workspace_id, greatest(due_at, lease_until));
create index run_effects_stops on run_effects (greatest(due_at, lease_until))
    where kind in ('CancelChild', 'CancelObjective', 'PauseChild');
create index run_effects_deliveries on run_effects (workspace_id, effect_id) where kind = 'Deliver';
