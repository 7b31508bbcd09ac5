-- Opens the queue of a root again that was closed to be handed over.
-- $1 text      queue name
-- Returns one row per queue that was closed: queue_name text.
update pgq.queue q
   set queue_disable_insert = false, queue_external_ticker = false
 where q.queue_name = $1::text and (q.queue_disable_insert or q.queue_external_ticker)
   and exists (select 1 from pgq_node.node_info n where n.queue_name = q.queue_name and n.node_type = 'root')
returning q.queue_name
