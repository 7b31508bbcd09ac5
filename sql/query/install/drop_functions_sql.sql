-- Statements that drop functions before ours are created in their place: theirs may have another result. Those that
-- something depends on, as triggers do, stay and are replaced.
-- $1 text      schema
-- $2 text[]    names of functions
-- Returns one row: sql text; empty when there are none.
select coalesce(pg_catalog.string_agg(
           pg_catalog.format('do $drop$ begin drop function %s; exception when dependent_objects_still_exist then null; end $drop$;',
                             p.oid::pg_catalog.regprocedure), ' '), '') as sql
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname = $1::text
   and p.proname = any ($2::text[])
   and p.prokind = 'f'
