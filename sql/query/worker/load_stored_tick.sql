-- The tick that the node stands at, as its provider described it.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      tick id
-- Returns at most one row, none when another tick is stored: tick_time text, tick_event_seq int8.
select p.tick_time::text as tick_time, p.tick_event_seq
  from londiste_rs.stream_position p
 where p.queue_name = $1::text and p.consumer_name = $2::text and p.tick_id = $3::int8
