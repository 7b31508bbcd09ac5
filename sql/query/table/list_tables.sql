-- The tables of a queue as a node knows them, in their order.
-- $1 text      queue name
-- Returns rows: table_name, local, merge_state (null = no data yet), table_attrs (url-encoded, null = none), dest_table
-- (the name in the database).
select t.table_name, t.local, t.merge_state, t.table_attrs, coalesce(t.dest_table, t.table_name) as dest_table
  from londiste.get_table_list($1::text) t
