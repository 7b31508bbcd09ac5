-- The position of a consumer on the queue's database.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns at most one row: last_tick int8.
select last_tick
  from pgq.get_consumer_info($1::text, $2::text)
