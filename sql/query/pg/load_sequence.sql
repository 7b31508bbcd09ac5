-- One sequence.
-- $1 text      schema
-- $2 text      name
-- Returns at most one row: type_name, start, increment, minimum, maximum, cache, is_cycle, quoted_name.
select pg_catalog.format_type(q.seqtypid, null) as type_name, q.seqstart as start, q.seqincrement as increment,
       q.seqmin as minimum, q.seqmax as maximum, q.seqcache as cache, q.seqcycle as is_cycle,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as quoted_name
  from pg_catalog.pg_sequence q
  join pg_catalog.pg_class c on c.oid = q.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1::text
   and c.relname = $2::text
