-- Whether this database can tell ids of another server from its own, and this role may ask.
-- Returns one row: present bool.
select coalesce(pg_catalog.has_function_privilege(
           pg_catalog.to_regprocedure('londiste_rs.check_txids(text)'), 'execute'), false) as present
