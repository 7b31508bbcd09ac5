-- Columns of a table, for the column list of a copy.
-- $1 text      schema name, unquoted
-- $2 text      table name, unquoted
-- Returns rows in table order, none when there is no such table: attname text, generated bool, relkind text,
-- estimated_rows float8 (negative = never analyzed), estimated_bytes int8.
select a.attname::text as attname, a.attgenerated <> '' as generated, c.relkind::text as relkind,
       c.reltuples::float8 as estimated_rows, pg_catalog.pg_table_size(c.oid) as estimated_bytes
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where n.nspname = $1::text and c.relname = $2::text and c.relkind in ('r', 'p', 'f', 'm', 'v')
 order by a.attnum
