-- Registers a consumer at the place of another one; both are there afterwards.
-- $1 text      queue name
-- $2 text      the consumer that is there
-- $3 text      the new one
-- Returns at most one row: last_tick int8; none when the first one is not there.
select c.last_tick, pgq.register_consumer_at($1::text, $3::text, c.last_tick) as registered
  from pgq.get_consumer_info($1::text, $2::text) c
 where c.last_tick is not null
