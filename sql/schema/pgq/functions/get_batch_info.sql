create or replace function pgq.get_batch_info(
    x_batch_id int8,
    out queue_name text, out consumer_name text, out batch_start timestamptz, out batch_end timestamptz,
    out prev_tick_id int8, out tick_id int8, out lag interval, out seq_start int8, out seq_end int8)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_info(1)
--
--      Tells about an open batch.
--
-- Parameters:
--      x_batch_id  - open batch
--
-- Returns:
--      queue_name, consumer_name   - whose batch it is
--      batch_start, prev_tick_id, seq_start    - time, id and event sequence value of the tick before
--      batch_end, tick_id, seq_end - the same of the tick that ends it
--      lag                         - how long ago it ended
--      all null when there is no such batch
-- ----------------------------------------------------------------------
begin
    select q.queue_name, c.co_name, t1.tick_time, t2.tick_time, s.sub_last_tick, s.sub_next_tick,
           now() - t2.tick_time, t1.tick_event_seq, t2.tick_event_seq
      into get_batch_info.queue_name, consumer_name, batch_start, batch_end, prev_tick_id, get_batch_info.tick_id,
           lag, seq_start, seq_end
      from pgq.subscription s
      join pgq.queue q on q.queue_id = s.sub_queue
      join pgq.consumer c on c.co_id = s.sub_consumer
      join pgq.tick t1 on t1.tick_queue = s.sub_queue and t1.tick_id = s.sub_last_tick
      join pgq.tick t2 on t2.tick_queue = s.sub_queue and t2.tick_id = s.sub_next_tick
     where s.sub_batch = x_batch_id;
end;
$$;
