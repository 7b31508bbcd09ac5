-- A tick of a queue and those behind it.
-- $1 text      queue name
-- $2 int8      the tick
-- Returns rows by tick id: tick_id int8, tick_time text, snapshot text.
select t.tick_id, t.tick_time::text as tick_time, t.tick_snapshot::text as snapshot
  from pgq.tick t
  join pgq.queue q on q.queue_id = t.tick_queue
 where q.queue_name = $1::text and t.tick_id >= $2::int8
 order by t.tick_id
