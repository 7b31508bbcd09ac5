-- Which of our own tables with names of nodes are here and may be changed by this role.
-- Returns one row: stream bool, detached bool, copy_run bool.
select coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.stream_position'), 'update'), false) as stream,
       coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.detached_consumer'), 'update'), false) as detached,
       coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('londiste_rs.copy_run'), 'update'), false) as copy_run
