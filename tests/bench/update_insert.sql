\set id random(1, 1000)
with moved as (
    update bench_runs set version = version + 1, state = 'RUNNING', updated_at = now() where id = :id
    returning id, version
)
insert into bench_changes (run_id, sequence, recorded_at, data)
select id, version, now(), '{"note": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' from moved;
