-- The copy in ranges that a table is in, if it is.
-- $1 text      queue name
-- $2 text      global table name
-- Returns at most one row: copy_id int8, source_node text, source_files text, column_names text[],
-- key_columns text[] (empty: it cannot be resumed with another snapshot), row_snapshot text, is_resumed bool.
select r.copy_id, r.source_node, r.source_files, r.column_names, r.key_columns, r.row_snapshot, r.is_resumed
  from londiste_rs.copy_run r
  join londiste.table_info t
    on t.queue_name = r.queue_name and t.table_name = r.table_name
 where r.queue_name = $1::text and r.table_name = $2::text
   and t.local and t.merge_state = 'in-copy'
   and pg_catalog.split_part(t.dropped_ddl, E'\n', 1) = '-- londiste_rs.copy_run ' || r.copy_id
