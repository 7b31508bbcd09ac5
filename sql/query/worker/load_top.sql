-- The newest tick of a queue, and whether the queue is a root's.
-- $1 text      queue name
-- Returns at most one row, none when there is no such queue: tick_id int8 (null = it has none), is_root bool.
select (select max(t.tick_id) from pgq.tick t where t.tick_queue = q.queue_id) as tick_id,
       n.node_type = 'root' as is_root
  from pgq.queue q
  join pgq_node.node_info n on n.queue_name = q.queue_name
 where q.queue_name = $1::text
