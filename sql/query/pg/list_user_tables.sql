-- The names of all tables, views and foreign tables of users, for suggestions.
-- Returns rows: name (schema.table, not quoted).
select n.nspname || '.' || c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f')
   and n.nspname not in ('pg_catalog', 'information_schema', 'pgq', 'pgq_ext', 'pgq_node', 'londiste')
   and n.nspname !~ '^pg_(toast|temp)'
 order by 1
