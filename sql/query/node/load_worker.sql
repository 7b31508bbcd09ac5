-- Whether a worker of this program is connected for a node here, and what this database can tell of it.
-- $1 text      queue name
-- $2 text      consumer name of the worker
-- Returns one row: running bool (a worker holds the node's session lock), retrying bool (a worker waits after an error),
-- has_record bool (londiste_rs.worker can be read), has_component bool (londiste_rs.component can be read), has_plan bool
-- (londiste_rs.plan can be read), has_parked bool (londiste_rs.parked_event can be read).
with key as (
    select pg_catalog.hashtextextended('londiste worker ' || $1::text || ' ' || $2::text, 0) as working,
           pg_catalog.hashtextextended('londiste retry ' || $1::text || ' ' || $2::text, 0) as retrying
), held as (
    select (l.classid::int8 << 32) | l.objid::int8 as k
      from pg_catalog.pg_locks l
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
)
select exists (select 1 from held h where h.k = key.working) as running,
       exists (select 1 from held h where h.k = key.retrying) as retrying,
       coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.worker'), 'select'), false)
           as has_record,
       coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.component'), 'select'), false)
           as has_component,
       coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.plan'), 'select'), false) as has_plan,
       coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.parked_event'), 'select'), false)
           as has_parked
  from key
