-- Whether a queue still has a tick.
-- $1 text      queue name
-- $2 int8      tick id
-- Returns one row if so: tick_id int8.
select t.tick_id
  from pgq.queue q
  join pgq.tick t on t.tick_queue = q.queue_id
 where q.queue_name = $1::text and t.tick_id = $2::int8
