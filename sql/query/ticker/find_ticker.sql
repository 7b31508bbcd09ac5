-- Who else ticks this database, as far as the server knows.
-- $1 int4      first half of the key of the marks
-- $2 int4      second half of pgqd's mark
-- Returns one row: marked_by int4 (process id of another session that holds the mark, null = none), called_by int4
-- (process id of another session whose last statement, at most 5 seconds ago, was the ancestor's ticker call; null = none
-- is seen; statements of other roles are only seen by members of pg_read_all_stats).
select (select l.pid
          from pg_catalog.pg_locks l
          join pg_catalog.pg_database d on d.oid = l.database
         where l.locktype = 'advisory' and d.datname = pg_catalog.current_database()
           and l.classid = $1::int4::oid and l.objid = $2::int4::oid and l.objsubid = 2
           and l.granted and l.pid <> pg_catalog.pg_backend_pid()
         limit 1) as marked_by,
       c.pid as called_by,
       (extract(epoch from c.query_start) * 1000)::int8 as called_at
  from (select 1) one
  left join (select a.pid, a.query_start
               from pg_catalog.pg_stat_activity a
              where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
                and a.query ~ '^\s*select pgq\.ticker\(\)'
                and a.query_start > pg_catalog.clock_timestamp() - interval '5 seconds'
              order by a.query_start desc
              limit 1) c on true
