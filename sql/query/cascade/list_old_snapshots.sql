-- Who may still see a closed queue as open: processes whose snapshot is older than its closing. Sessions named pg_dump
-- or londiste:* only read.
-- $1 text      queue name
-- Returns one row per process: holder text.
select 'pid ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'no application name')
       || coalesce(', transaction open for ' || extract(epoch from clock_timestamp() - a.xact_start)::int8 || ' s', '')
       || ')' as holder
  from pgq.queue q
  join pg_catalog.pg_stat_activity a on pg_catalog.age(a.backend_xmin) >= pg_catalog.age(q.xmin)
 where q.queue_name = $1::text and a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
   and a.backend_type not in ('walsender', 'autovacuum worker')
   and a.application_name <> 'pg_dump' and a.application_name not like 'londiste:%'
 order by a.xact_start
