-- What an unfinished copy of a table dropped here.
-- $1 text      queue name
-- $2 text      global table name
-- Returns at most one row: dest_table text, dropped_ddl text (statements that bring it back). Locks the table's row of the
-- registry FOR UPDATE.
select coalesce(t.dest_table, t.table_name) as dest_table, t.dropped_ddl
  from londiste.table_info t
 where t.queue_name = $1::text and t.table_name = $2::text and t.local and t.dropped_ddl is not null
   for update
