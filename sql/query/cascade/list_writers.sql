-- Who holds a lock on an event table of a queue that a writer takes, other than this session.
-- $1 text      queue name
-- Returns one row per process: holder text.
select distinct 'pid ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'no application name')
       || coalesce(', transaction open for ' || extract(epoch from clock_timestamp() - a.xact_start)::int8 || ' s', '')
       || coalesce(', ' || a.state, '') || ')' as holder
  from pgq.queue q
  join pg_catalog.pg_inherits i on i.inhparent = q.queue_data_pfx::pg_catalog.regclass
  join pg_catalog.pg_locks l on l.relation = i.inhrelid and l.locktype = 'relation' and l.granted
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where q.queue_name = $1::text and l.pid <> pg_catalog.pg_backend_pid()
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and l.mode <> 'AccessShareLock'
 order by 1
