-- Where each consumer of the queue stands here, with the time of that tick.
-- $1 text      queue name
-- Returns one row per consumer: consumer_name text, last_tick int8, tick_time float8 (seconds since 1970), pending int8
-- (events of this queue that it has not read; negative or null when that cannot be told), seen_seconds float8 (since it
-- last opened or finished a batch).
select c.consumer_name, c.last_tick,
       extract(epoch from (clock_timestamp() - c.lag))::float8 as tick_time,
       c.pending_events as pending, extract(epoch from c.last_seen)::float8 as seen_seconds
  from pgq.get_consumer_info($1::text) c
