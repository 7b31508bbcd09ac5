-- The attached tables of a queue, with the position of the copy that works on each.
-- $1 text      queue name
-- $2 text      consumer name of the node's worker
-- Returns rows: table_name text, merge_state text, custom_snapshot text, table_attrs text, dropped_ddl text,
-- dest_table text, copy_tick int8 (null = no copy is registered).
select t.table_name, t.merge_state, t.custom_snapshot, t.table_attrs, t.dropped_ddl,
       coalesce(t.dest_table, t.table_name) as dest_table, c.last_tick_id as copy_tick
  from londiste.table_info t
  left join pgq_node.local_state c
    on c.queue_name = t.queue_name and c.consumer_name = $2::text || '.copy.' || t.table_name
 where t.queue_name = $1::text and t.local
 order by t.nr, t.table_name
