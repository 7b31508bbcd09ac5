-- Opens the next batch of a consumer, or finds the one that is open.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      least lag behind the queue's top (interval), null = none
-- $4 int4      least number of events, null = none
-- $5 text      least time span of the batch (interval), null = none
-- Returns one row: batch_id int8 (null = nothing to do), cur_tick_id int8, prev_tick_id int8, cur_tick_time text,
-- prev_tick_time text, cur_tick_event_seq int8, lag_seconds float8. Locks the subscription row.
select b.batch_id, b.cur_tick_id, b.prev_tick_id, b.cur_tick_time::text as cur_tick_time,
       b.prev_tick_time::text as prev_tick_time, b.cur_tick_event_seq,
       extract(epoch from (clock_timestamp() - b.cur_tick_time))::float8 as lag_seconds
  from pgq.next_batch_custom($1::text, $2::text, ($3::text)::interval, $4::int4, ($5::text)::interval) b
