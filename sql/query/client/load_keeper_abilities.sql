-- What the work's database can keep.
-- Returns one row: positions bool (schema pgq_ext), marks bool (events to be retried, and this role may write them).
select pg_catalog.to_regclass('pgq_ext.completed_tick') is not null as positions,
       coalesce(pg_catalog.has_table_privilege(m.id, 'insert') and pg_catalog.has_table_privilege(m.id, 'select')
                and pg_catalog.has_table_privilege(m.id, 'delete'), false) as marks
  from (select pg_catalog.to_regclass('londiste_rs.retry_mark') as id) m
