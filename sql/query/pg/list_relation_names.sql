-- The names of all relations in some schemas: tables, indexes, sequences and the rest, which share one name space.
-- $1 text[]    schemas
-- Returns rows: schema, name.
select n.nspname::text as schema, c.relname::text as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any ($1::text[])
