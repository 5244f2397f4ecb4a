-- The schemas beside versions. Version 0 is the latest, revision 0 the one in force.

-- name: schemas_read
select v.version, coalesce(s.revision, 0), coalesce(s.input_schema, '{}'), coalesce(s.output_schema, '{}'),
       coalesce(s.actor, ''), s.set_at
  from workflow_definitions d
  join workflow_versions v
    on v.definition_id = d.id and v.version = case when $2 = 0 then d.latest_version else $2 end
  left join version_schemas s
    on s.definition_id = d.id and s.version = v.version
   and s.revision = case when $3 = 0 then (d.schema_revisions ->> v.version::text)::integer else $3 end
 where d.id = $1

-- name: schemas_create
insert into version_schemas (definition_id, version, revision, workspace_id, input_schema, output_schema, actor)
values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7)
returning version, revision, input_schema, output_schema, actor, set_at

-- name: definition_checked
update workflow_definitions
   set schema_revisions = schema_revisions || jsonb_build_object($2::integer::text, $3::integer)
 where id = $1
