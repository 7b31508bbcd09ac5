-- Where the worker of a node stands, and the newest tick of the node's own queue.
-- $1 text      queue name
-- Returns one row: worker_tick int8, queue_top int8 (null on a leaf), is_root bool.
select i.worker_last_tick as worker_tick, i.node_type = 'root' as is_root,
       (select max(t.tick_id) from pgq.queue q join pgq.tick t on t.tick_queue = q.queue_id
         where q.queue_name = $1::text) as queue_top
  from pgq_node.get_node_info($1::text) i
