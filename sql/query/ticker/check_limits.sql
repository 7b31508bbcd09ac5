-- Readers beyond their limit.
-- Returns one row per reader: queue_name, consumer_name, kind, node_name text, last_tick int8, age, max_age float8
-- (seconds), events, max_events, bytes, max_bytes int8 (null where that limit is kept), action text.
select l.queue_name, l.consumer_name, l.kind, l.node_name, l.last_tick,
       extract(epoch from l.age)::float8 as age, extract(epoch from l.max_age)::float8 as max_age,
       l.events, l.max_events, l.bytes, l.max_bytes, l.action
  from londiste_rs.check_limits() l
