-- Whether this database generates triggers: schema londiste_rs is there, and this role may use it.
select coalesce(
    pg_catalog.has_function_privilege(
        pg_catalog.to_regprocedure('londiste_rs.capture_refresh(text,text,text)'), 'execute'),
    false)
