-- Whether a queue is closed for writers.
-- $1 text      queue name
-- Returns at most one row: is_closed bool.
select q.queue_disable_insert as is_closed
  from pgq.queue q
 where q.queue_name = $1::text
