drop table rpc_answers;
drop table awaited_types;
drop table workflow_versions;
drop table workflow_definitions;
