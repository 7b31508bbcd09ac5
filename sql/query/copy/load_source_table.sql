-- One table as a copy's source knows it.
-- $1 text      queue name
-- $2 text      global table name
-- Returns at most one row: local bool, merge_state text, dest_table text.
select t.local, t.merge_state, coalesce(t.dest_table, t.table_name) as dest_table
  from londiste.get_table_list($1::text) t
 where t.table_name = $2::text
