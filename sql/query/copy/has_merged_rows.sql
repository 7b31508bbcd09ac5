-- Whether another source has already brought its rows into the same local table (a merge): then a copy must neither
-- truncate nor drop anything. Those are queues that feed the same combined queue, or all none.
-- $1 text      queue name
-- $2 text      global table name
-- Returns one row: found bool.
select exists (
       select 1
         from londiste.table_info mine
         join londiste.table_info other
           on coalesce(other.dest_table, other.table_name) = coalesce(mine.dest_table, mine.table_name)
          and other.queue_name <> mine.queue_name
         join pgq_node.node_info my_node on my_node.queue_name = mine.queue_name
         join pgq_node.node_info other_node on other_node.queue_name = other.queue_name
          and other_node.combined_queue is not distinct from my_node.combined_queue
        where mine.queue_name = $1::text and mine.table_name = $2::text
          and other.local and other.merge_state is not null and other.merge_state <> 'in-copy') as found
