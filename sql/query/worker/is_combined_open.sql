-- Whether events may be merged into a combined queue: it is a root, and nobody closes it. Ask in a statement of its own after
-- one of its event tables is locked: who closes the queue writes its last tick only when that lock is gone.
-- $1 text      queue name
-- Returns at most one row: open bool.
select n.node_type = 'root' and not q.queue_disable_insert as open
  from pgq_node.node_info n
  join pgq.queue q on q.queue_name = n.queue_name
 where n.queue_name = $1::text
