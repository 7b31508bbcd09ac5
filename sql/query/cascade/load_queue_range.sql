-- First and last tick that a queue has here.
-- $1 text      queue name
-- Returns one row: first_tick int8, last_tick int8 (null = no such queue).
select min(t.tick_id) as first_tick, max(t.tick_id) as last_tick
  from pgq.queue q
  join pgq.tick t on t.tick_queue = q.queue_id
 where q.queue_name = $1::text
