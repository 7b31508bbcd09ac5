-- One relation of any kind that can be asked about as a table, with everything that is not a list.
-- $1 text      schema
-- $2 text      name
-- Returns at most one row: oid, kind (relkind: r table, p partitioned, v view, m materialized view, f foreign table),
-- persistence (p permanent, u unlogged, t temporary), owner, comment, options (reloptions), tablespace (null = the
-- database's), is_partition, has_children, row_security, replica_identity (d default,
-- n nothing, f full, i index), quoted_name as the server's own definitions write it.
select c.oid, c.relkind::text as kind, c.relpersistence::text as persistence,
       pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
       pg_catalog.obj_description(c.oid, 'pg_class') as comment,
       coalesce(c.reloptions, '{}'::text[]) as options,
       (select s.spcname::text from pg_catalog.pg_tablespace s where s.oid = c.reltablespace) as tablespace,
       c.relispartition as is_partition,
       exists (select 1 from pg_catalog.pg_inherits i where i.inhparent = c.oid) as has_children,
       c.relrowsecurity as row_security,
       c.relreplident::text as replica_identity,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as quoted_name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1::text
   and c.relname = $2::text
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
