-- The event tables of a queue, with the triggers that keep writers out of a closed one.
-- $1 text      queue name
-- Returns one row per table: table_name text (quoted), barriers text[] (names of those triggers),
-- is_needed bool (a transaction is open that is older than one of them).
select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as table_name,
       array(select t.tgname::text from pg_catalog.pg_trigger t
              where t.tgrelid = c.oid and t.tgname like 'londiste\_closed\_%') as barriers,
       exists (select 1 from pg_catalog.pg_trigger t, pg_catalog.pg_stat_activity a
                where t.tgrelid = c.oid and t.tgname like 'londiste\_closed\_%'
                  and a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
                  and (pg_catalog.age(a.backend_xmin) >= pg_catalog.age(t.xmin)
                       or a.query = '<insufficient privilege>')) as is_needed
  from pgq.queue q
  join pg_catalog.pg_inherits i on i.inhparent = q.queue_data_pfx::pg_catalog.regclass
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where q.queue_name = $1::text
 order by c.relname
