-- Gives a tick of a new branch the time and the event sequence that it has on its provider.
-- $1 text      queue name
-- $2 int8      tick id
-- $3 text      its time at the provider (timestamptz)
-- $4 int8      its value of the event sequence there
-- Returns nothing.
update pgq.tick t
   set tick_time = ($3::text)::timestamptz, tick_event_seq = $4::int8
  from pgq.queue q
 where q.queue_name = $1::text and t.tick_queue = q.queue_id and t.tick_id = $2::int8
