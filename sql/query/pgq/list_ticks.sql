-- The ticks of a queue from one to another, both included.
-- $1 text      queue name
-- $2 int8      first tick
-- $3 int8      last tick
-- Returns rows by tick id: tick_id int8, tick_time text, snapshot text, event_seq int8, lag_seconds float8 (its age).
select t.tick_id, t.tick_time::text as tick_time, t.tick_snapshot::text as snapshot, t.tick_event_seq as event_seq,
       extract(epoch from (clock_timestamp() - t.tick_time))::float8 as lag_seconds
  from pgq.tick t
  join pgq.queue q on q.queue_id = t.tick_queue
 where q.queue_name = $1::text and t.tick_id between $2::int8 and $3::int8
 order by t.tick_id
