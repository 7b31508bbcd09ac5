-- Where each consumer of the queue stands here, with the time of that tick.
-- $1 text      queue name
-- Returns one row per consumer: consumer_name text, last_tick int8, tick_time float8 (seconds since 1970).
select c.consumer_name, c.last_tick,
       extract(epoch from (clock_timestamp() - c.lag))::float8 as tick_time
  from pgq.get_consumer_info($1::text) c
