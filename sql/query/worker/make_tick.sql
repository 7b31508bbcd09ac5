-- Makes a tick that the provider made, here, and tells the listeners. Run it in a transaction of its own after the work of
-- the tick is committed: its snapshot must see that.
-- $1 text      queue name
-- $2 int8      tick id
-- $3 text      its time (timestamptz)
-- $4 int8      its value of the event sequence
-- $5 text      notification channel; the payload is the queue's name
-- Returns one row: tick_id int8, told text.
select t.tick_id, pg_catalog.pg_notify($5::text, $1::text)::text as told
  from pgq.ticker($1::text, $2::int8, ($3::text)::timestamptz, $4::int8) as t (tick_id)
