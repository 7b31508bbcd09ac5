create or replace function pgq.next_batch_info(
    i_queue_name text, i_consumer_name text,
    out batch_id int8, out cur_tick_id int8, out prev_tick_id int8,
    out cur_tick_time timestamptz, out prev_tick_time timestamptz,
    out cur_tick_event_seq int8, out prev_tick_event_seq int8)
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.next_batch_info(2)
--
--      Opens the next batch of a consumer and tells about its ticks. See pgq.next_batch_custom().
-- ----------------------------------------------------------------------
begin
    select b.batch_id, b.cur_tick_id, b.prev_tick_id, b.cur_tick_time, b.prev_tick_time,
           b.cur_tick_event_seq, b.prev_tick_event_seq
      into next_batch_info.batch_id, next_batch_info.cur_tick_id, next_batch_info.prev_tick_id,
           next_batch_info.cur_tick_time, next_batch_info.prev_tick_time,
           next_batch_info.cur_tick_event_seq, next_batch_info.prev_tick_event_seq
      from pgq.next_batch_custom(i_queue_name, i_consumer_name, null, null, null) b;
end;
$$;
