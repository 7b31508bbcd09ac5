-- Tries to become the only worker of a node: a session lock that ends with the connection.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns one row: taken bool, holder text (who holds the lock: pid, client and application; null when unknown).
with key as (
    select pg_catalog.hashtextextended('londiste worker ' || $1::text || ' ' || $2::text, 0) as k
), try as materialized (
    select pg_catalog.pg_try_advisory_lock(key.k) as taken, key.k from key
)
select try.taken,
       (select 'pid ' || a.pid || coalesce(' of ' || a.client_addr::text, '') || ', ' || a.application_name
          from pg_catalog.pg_locks l
          join pg_catalog.pg_stat_activity a on a.pid = l.pid
         where not try.taken and l.locktype = 'advisory' and l.granted and l.objsubid = 1
           and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
           and ((l.classid::int8 << 32) | l.objid::int8) = try.k
         limit 1) as holder
  from try
