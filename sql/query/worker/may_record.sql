-- Whether this role can leave a note of itself as a worker.
-- Returns one row: possible bool.
select coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.worker'), 'insert')
            and pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.worker'), 'update'), false) as possible
