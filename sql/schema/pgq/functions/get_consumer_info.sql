create or replace function pgq.get_consumer_info(
    i_queue_name text, i_consumer_name text,
    out queue_name text, out consumer_name text, out lag interval, out last_seen interval,
    out last_tick int8, out current_batch int8, out next_tick int8, out pending_events int8)
returns setof record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_consumer_info(2)
--
--      State of subscriptions.
--
-- Parameters:
--      i_queue_name    - queue; null: all
--      i_consumer_name - consumer; null: all
--
-- Returns:
--      queue_name, consumer_name   - subscription
--      lag             - time since its last tick
--      last_seen       - time since it opened or finished a batch
--      last_tick       - last tick that it finished
--      current_batch, next_tick    - open batch and the tick that ends it
--      pending_events  - about how many events are ticked and not read
--
-- Tables:
--      reads pgq.queue, consumer, subscription, tick
-- ----------------------------------------------------------------------
begin
    for queue_name, consumer_name, lag, last_seen, last_tick, current_batch, next_tick, pending_events in
        select q.queue_name, c.co_name, current_timestamp - t.tick_time, current_timestamp - s.sub_active,
               s.sub_last_tick, s.sub_batch, s.sub_next_tick, top.tick_event_seq - t.tick_event_seq
          from pgq.queue q
          join pgq.subscription s on s.sub_queue = q.queue_id
          join pgq.consumer c on c.co_id = s.sub_consumer
          left join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
          left join lateral (
                select n.tick_event_seq from pgq.tick n
                 where n.tick_queue = q.queue_id
                 order by n.tick_queue desc, n.tick_id desc
                 limit 1) top on true
         where (i_queue_name is null or q.queue_name = i_queue_name)
           and (i_consumer_name is null or c.co_name = i_consumer_name)
         order by 1, 2
    loop
        return next;
    end loop;
end;
$$;

create or replace function pgq.get_consumer_info(
    i_queue_name text,
    out queue_name text, out consumer_name text, out lag interval, out last_seen interval,
    out last_tick int8, out current_batch int8, out next_tick int8, out pending_events int8)
returns setof record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_consumer_info(1)
--
--      State of the subscriptions of a queue. See pgq.get_consumer_info(2).
-- ----------------------------------------------------------------------
begin
    return query select * from pgq.get_consumer_info(i_queue_name, null);
end;
$$;

create or replace function pgq.get_consumer_info(
    out queue_name text, out consumer_name text, out lag interval, out last_seen interval,
    out last_tick int8, out current_batch int8, out next_tick int8, out pending_events int8)
returns setof record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_consumer_info(0)
--
--      State of all subscriptions. See pgq.get_consumer_info(2).
-- ----------------------------------------------------------------------
begin
    return query select * from pgq.get_consumer_info(null, null);
end;
$$;
