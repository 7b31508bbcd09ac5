-- An open batch.
-- $1 int8      batch id
-- Returns at most one row: prev_tick_id, tick_id int8, tick_time, prev_tick_time text, event_seq int8, lag_seconds float8.
select b.prev_tick_id, b.tick_id, b.batch_end::text as tick_time, b.batch_start::text as prev_tick_time,
       coalesce(b.seq_end, 0) as event_seq,
       extract(epoch from (pg_catalog.clock_timestamp() - b.batch_end))::float8 as lag_seconds
  from pgq.get_batch_info($1::int8) b
 where b.tick_id is not null
