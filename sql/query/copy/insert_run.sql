-- Begins a copy in ranges.
-- $1 text      queue name
-- $2 text      global table name
-- $3 text      name of the source node
-- $4 text      identity of the source's files
-- $5 text[]    columns
-- $6 text[]    key columns
-- $7 text      snapshot
-- Returns one row: copy_id int8.
insert into londiste_rs.copy_run (queue_name, table_name, source_node, source_files, column_names, key_columns,
                                  row_snapshot)
values ($1::text, $2::text, $3::text, $4::text, $5::text[], $6::text[], $7::text)
returning copy_id
