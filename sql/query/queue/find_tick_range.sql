-- The ticks of a queue, and whether one of them is there.
-- $1 text      queue name
-- $2 int8      tick
-- Returns one row: first, last int8 (null = none), present bool.
select min(t.tick_id) as first, max(t.tick_id) as last, coalesce(pg_catalog.bool_or(t.tick_id = $2::int8), false) as present
  from pgq.queue q
  join pgq.tick t on t.tick_queue = q.queue_id
 where q.queue_name = $1::text
