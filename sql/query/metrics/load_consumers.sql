-- How far the consumers of a database are.
-- Returns rows: queue_name text, consumer_name text, lag float8 (seconds), last_seen float8 (seconds), last_tick int8,
-- pending_events int8.
select c.queue_name, c.consumer_name, extract(epoch from c.lag)::float8 as lag,
       extract(epoch from c.last_seen)::float8 as last_seen, c.last_tick, c.pending_events
  from pgq.get_consumer_info() c
