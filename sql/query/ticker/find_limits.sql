-- Whether this database has limits of readers, and this role may see to them.
-- Returns one row: present bool.
select coalesce(pg_catalog.has_function_privilege(
           pg_catalog.to_regprocedure('londiste_rs.check_limits()'), 'execute'), false) as present
