-- The oldest snapshot or transaction that keeps this database's dead rows from being removed. Other sessions' are seen
-- by superusers and members of pg_read_all_stats; others see their own only.
-- Returns one row: next int8 (the id that the next transaction gets), age int8 (how many ids ago the oldest one was
-- taken, null = there is none), pid int4, application text (the session that has it, null = none has).
with held as (
    select greatest(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid)) as age, a.pid, a.application_name
      from pg_catalog.pg_stat_activity a
     where (a.datname = pg_catalog.current_database() or a.datname is null)
       and a.pid <> pg_catalog.pg_backend_pid()
       and a.backend_type is distinct from 'autovacuum worker'
    union all
    select pg_catalog.age(p.transaction), null, 'prepared transaction ' || p.gid
      from pg_catalog.pg_prepared_xacts p
     where p.database = pg_catalog.current_database()
    union all
    select pg_catalog.age(s.xmin), s.active_pid, 'replication slot ' || s.slot_name
      from pg_catalog.pg_replication_slots s
)
select pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) as next,
       o.age::int8 as age, o.pid, o.application_name as application
  from (select 1) one
  left join lateral (select h.age, h.pid, h.application_name
                       from held h
                      where h.age is not null
                      order by h.age desc
                      limit 1) o on true
