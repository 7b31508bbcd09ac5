-- The rewrite rules of a table.
-- $1 oid       table
-- Returns rows: name, definition, enabled (O origin, D disabled, R replica, A always), comment.
select r.rulename::text as name, pg_catalog.pg_get_ruledef(r.oid) as definition, r.ev_enabled::text as enabled,
       pg_catalog.obj_description(r.oid, 'pg_rewrite') as comment
  from pg_catalog.pg_rewrite r
 where r.ev_class = $1::oid
   and r.rulename <> '_RETURN'
 order by r.rulename
