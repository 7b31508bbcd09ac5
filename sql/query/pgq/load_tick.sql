-- One tick of a queue.
-- $1 text      queue name
-- $2 int8      tick id
-- Returns at most one row: tick_id int8, tick_time text, snapshot text, event_seq int8.
select t.tick_id, t.tick_time::text as tick_time, t.tick_snapshot::text as snapshot, t.tick_event_seq as event_seq
  from pgq.tick t
  join pgq.queue q on q.queue_id = t.tick_queue
 where q.queue_name = $1::text and t.tick_id = $2::int8
