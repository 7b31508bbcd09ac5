-- The triggers of a table that a person or a program made; those inside constraints and partitions are left out.
-- $1 oid       table
-- Returns rows: name, definition, enabled (O origin, D disabled, R replica, A always), function_schema, function_name,
-- first_argument (null = none), is_row, is_before, on_insert, on_update, on_delete, on_truncate, comment.
select t.tgname::text as name, pg_catalog.pg_get_triggerdef(t.oid) as definition, t.tgenabled::text as enabled,
       n.nspname::text as function_schema, p.proname::text as function_name,
       case when t.tgnargs > 0
            then pg_catalog.convert_from(
                     pg_catalog.substr(t.tgargs, 1, position('\x00'::bytea in t.tgargs) - 1),
                     pg_catalog.getdatabaseencoding())
       end as first_argument,
       (t.tgtype & 1) <> 0 as is_row, (t.tgtype & 2) <> 0 as is_before,
       (t.tgtype & 4) <> 0 as on_insert, (t.tgtype & 16) <> 0 as on_update, (t.tgtype & 8) <> 0 as on_delete,
       (t.tgtype & 32) <> 0 as on_truncate,
       pg_catalog.obj_description(t.oid, 'pg_trigger') as comment
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where t.tgrelid = $1::oid
   and not t.tgisinternal
 order by t.tgname
