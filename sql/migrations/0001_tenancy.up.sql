-- Who may see what. Every table with a workspace is protected from the migration that creates it:
--   workflows_reader  sees the rows of the workspace named by the setting workflows.workspace ('*' is every workspace);
--   workflows_engine  works for all workspaces and names the workspace in its SQL;
--   the owner         has a policy too, or a later data migration would silently touch nothing.
-- Roles belong to the whole cluster, so another database may have created them, even at this moment.

do $$
declare
    role_name text;
begin
    foreach role_name in array array['workflows_reader', 'workflows_engine'] loop
        begin
            execute format('create role %I nologin', role_name);
        exception when duplicate_object or unique_violation then
            null;
        end;
        if not pg_has_role(current_user, role_name, 'member') then
            execute format('grant %I to %I', role_name, current_user);
        end if;
    end loop;
end
$$;

create procedure protect(target regclass)
language plpgsql as $$
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
$$;
comment on procedure protect(regclass) is 'Row-level security and grants for one table that has a workspace_id.';

create function touch_updated_at() returns trigger
language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;
comment on function touch_updated_at() is 'Trigger of the cold tables: every update moves updated_at.';
