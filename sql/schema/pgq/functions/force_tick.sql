create or replace function pgq.force_tick(i_queue_name text)
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.force_tick(1)
--
--      Makes the next call of the ticker tick, by advancing the event sequence far enough. Callers ask again
--      until the returned tick grows.
--
-- Parameters:
--      i_queue_name    - queue
--
-- Returns:
--      newest tick; null when there is no such queue
--
-- Tables:
--      reads pgq.queue, tick; advances the event sequence of a queue that ticks by itself
-- ----------------------------------------------------------------------
declare
    q record;
    v_tick int8;
begin
    select queue_id, queue_event_seq, queue_ticker_max_count, queue_external_ticker, queue_ticker_paused
      into q
      from pgq.queue
     where queue_name = i_queue_name;
    if not found then
        return null;
    end if;

    if not q.queue_external_ticker and not q.queue_ticker_paused then
        perform pgq.seq_setval(q.queue_event_seq,
            nextval(pgq.quote_fqname(q.queue_event_seq)::regclass) + q.queue_ticker_max_count::int8 * 2 + 1000);
    end if;

    select tick_id into v_tick from pgq.tick where tick_queue = q.queue_id order by tick_queue desc, tick_id desc
     limit 1;
    return v_tick;
end;
$$;
