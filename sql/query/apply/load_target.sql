-- What replay has to know about a local table.
-- $1 text      schema name, unquoted
-- $2 text      table name, unquoted
-- Returns one row per live column, no row when there is no such table: relkind text, attname text, generated bool,
-- identity_always bool, type_name text (for a cast, without length), composite bool.
select c.relkind::text as relkind, a.attname::text as attname, a.attgenerated <> '' as generated,
       a.attidentity = 'a' as identity_always, pg_catalog.format_type(a.atttypid, -1) as type_name,
       t.typtype = 'c' as composite
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
 where n.nspname = $1::text and c.relname = $2::text and c.relkind in ('r', 'p', 'f', 'v')
 order by a.attnum
