-- The sequences that belong to columns of a table: of serial columns and of identity columns.
-- $1 oid       table
-- Returns rows: schema, name, column_name, is_identity, type_name, start, increment, minimum, maximum, cache, is_cycle.
select n.nspname::text as schema, s.relname::text as name, a.attname::text as column_name,
       (d.deptype = 'i') as is_identity, pg_catalog.format_type(q.seqtypid, null) as type_name,
       q.seqstart as start, q.seqincrement as increment, q.seqmin as minimum, q.seqmax as maximum,
       q.seqcache as cache, q.seqcycle as is_cycle
  from pg_catalog.pg_depend d
  join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_catalog.pg_namespace n on n.oid = s.relnamespace
  join pg_catalog.pg_sequence q on q.seqrelid = s.oid
  join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
 where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.refobjid = $1::oid
   and d.refobjsubid > 0
   and d.deptype in ('a', 'i')
 order by a.attnum, s.relname
