-- Columns of a table, for the column list of a copy.
-- $1 text      schema name, unquoted
-- $2 text      table name, unquoted
-- Returns rows in table order, none when there is no such table: attname text, generated bool, relkind text,
-- estimated_rows float8 (negative = never analyzed), estimated_bytes int8, names_objects bool (its text, or that of
-- its elements, is the name of an object: regclass and the like), type_oid oid.
select a.attname::text as attname, a.attgenerated <> '' as generated, c.relkind::text as relkind,
       a.atttypid as type_oid, c.relpersistence = 'p' as is_logged,
       c.reltuples::float8 as estimated_rows, pg_catalog.pg_table_size(c.oid) as estimated_bytes,
       a.atttypid in (24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4191,
                      1008, 2207, 2208, 2209, 2210, 2211, 3735, 3770, 4192) as names_objects
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where n.nspname = $1::text and c.relname = $2::text and c.relkind in ('r', 'p', 'f', 'm', 'v')
 order by a.attnum
