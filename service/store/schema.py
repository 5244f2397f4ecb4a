"""The schema as text, read from the catalogs: the golden file `sql/schema.sql` must equal what the migrations make.

Not meant to be run. It names every table, column, index, constraint, policy, function and comment in a fixed order, is
the same on every supported version of PostgreSQL, and shows in a review what a migration really changes.
"""

from typing import Any

import psycopg

_SECTIONS = {
    "domains": """
        select format('%s %s %s', t.typname, format_type(t.typbasetype, t.typtypmod), pg_get_constraintdef(c.oid))
          from pg_type t join pg_constraint c on c.contypid = t.oid
         where t.typtype = 'd' and t.typnamespace = 'public'::regnamespace and c.contype = 'c' order by 1""",
    "columns": """
        select format('%s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                      case when l.collname <> 'default' then ' collate ' || l.collname else '' end,
                      case when a.attnotnull then ' not null' else '' end,
                      ' default ' || pg_get_expr(d.adbin, d.adrelid))
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          left join pg_collation l on l.oid = a.attcollation
          left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where c.relkind in ('r', 'v') and c.relnamespace = 'public'::regnamespace order by c.relname, a.attnum""",
    "constraints": """
        select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
          from pg_constraint
         where connamespace = 'public'::regnamespace and conrelid <> 0 and contype <> 'n' order by 1""",
    "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    "settings": """
        select format('%s %s%s%s', relname, array_to_string(reloptions, ' '),
                      case when relrowsecurity then ' row security' else '' end,
                      case when relforcerowsecurity then ' forced' else '' end)
          from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') order by 1""",
    "policies": """
        select format('%s %s %s to %s using %s check %s', tablename, policyname, cmd,
                      replace(array_to_string(roles, ','), current_user, 'owner'), qual, with_check)
          from pg_policies where schemaname = 'public' order by 1""",
    "grants": """
        select format('%s %s %s', table_name, grantee, string_agg(privilege_type, ',' order by privilege_type))
          from information_schema.role_table_grants
         where table_schema = 'public' and grantee like 'workflows%' group by table_name, grantee order by 1""",
    "triggers": """
        select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1""",
    "functions": """
        select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace order by proname""",
    "views": r"""
        select format('%s as%s', viewname, regexp_replace(definition, '\m(changes|run_events)\.', '', 'g'))
          from pg_views where schemaname = 'public' order by 1""",
    "comments": """
        select format('%s: %s', coalesce(pg_describe_object(classoid, objoid, objsubid), ''), description)
          from pg_description
         where classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
           and coalesce((select relnamespace from pg_class where oid = objoid),
                        (select pronamespace from pg_proc where oid = objoid),
                        (select typnamespace from pg_type where oid = objoid)) = 'public'::regnamespace
         order by 1""",
}


async def dump(dsn: str) -> str:
    """The schema of one database as text that depends on nothing but the schema."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        return "\n\n".join([await _section(connection, title, sql) for title, sql in _SECTIONS.items()]) + "\n"


async def _section(connection: psycopg.AsyncConnection[tuple[Any, ...]], title: str, sql: str) -> str:
    cursor = await connection.execute(sql.encode())
    lines = [line.rstrip() for (text,) in await cursor.fetchall() for line in text.splitlines()]
    return "\n".join([f"-- {title}", *lines])
