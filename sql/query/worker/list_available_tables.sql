-- Tables of a provider whose rows may be copied: attached there and ok. On a combined root every partition's rows must be in,
-- too, for copied rows do not travel through the combined queue.
-- $1 text      queue name
-- Returns rows: table_name text.
select t.table_name
  from londiste.get_table_list($1::text) t
 where t.local and t.merge_state = 'ok'
   and not exists (
       select 1
         from pgq_node.node_info n
         join londiste.table_info p on p.queue_name = n.queue_name
        where n.combined_queue = $1::text
          and p.local and p.merge_state is distinct from 'ok'
          and coalesce(p.dest_table, p.table_name) = coalesce(t.dest_table, t.table_name))
