-- One table as a copy's source knows it.
-- $1 text      queue name
-- $2 text      global table name
-- Returns at most one row: local bool, merge_state text, dest_table text, is_merging bool (rows of a partition still lack).
select t.local, t.merge_state, coalesce(t.dest_table, t.table_name) as dest_table,
       exists (
       select 1
         from pgq_node.node_info n
         join londiste.table_info p on p.queue_name = n.queue_name
        where n.combined_queue = $1::text
          and p.local and p.merge_state is distinct from 'ok'
          and coalesce(p.dest_table, p.table_name) = coalesce(t.dest_table, t.table_name)) as is_merging
  from londiste.get_table_list($1::text) t
 where t.table_name = $2::text
