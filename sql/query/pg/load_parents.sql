-- The tables that a table inherits from, or is a partition of, in their order.
-- $1 oid       table
-- Returns rows: schema, name.
select n.nspname::text as schema, c.relname::text as name
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhparent
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where i.inhrelid = $1::oid
 order by i.inhseqno
