alter table workflow_runs drop column schema_revision;
alter table workflow_definitions drop column schema_revisions;
drop table version_schemas;
