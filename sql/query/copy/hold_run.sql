-- Whether a table still is in this copy. While the transaction lasts, nobody can take it out of it.
-- $1 text      queue name
-- $2 text      global table name
-- $3 int8      the copy
-- Returns at most one row: held bool. Locks the table's row of the registry FOR SHARE.
select true as held
  from londiste.table_info t
 where t.queue_name = $1::text and t.table_name = $2::text
   and t.local and t.merge_state = 'in-copy'
   and pg_catalog.split_part(t.dropped_ddl, E'\n', 1) = '-- londiste_rs.copy_run ' || $3::int8
   for share
