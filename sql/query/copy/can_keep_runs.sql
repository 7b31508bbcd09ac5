-- Whether this database can keep how far a copy in ranges is.
-- Returns one row: kept bool.
select coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.copy_run'), 'insert'), false)
   and coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.copy_range'), 'insert'), false)
   and coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.copy_object'), 'insert'), false) as kept
