create or replace function pgq.event_retry_raw(
    x_queue text, x_consumer text, x_retry_after timestamptz, x_ev_id int8, x_ev_time timestamptz, x_ev_retry int4,
    x_ev_type text, x_ev_data text, x_ev_extra1 text, x_ev_extra2 text, x_ev_extra3 text, x_ev_extra4 text)
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.event_retry_raw(12)
--
--      Puts an event for one consumer straight into the retry queue.
--
-- Parameters:
--      x_queue, x_consumer     - subscription that shall get the event
--      x_retry_after           - not before that time
--      x_ev_id                 - id; null: next one of the queue's sequence
--      x_ev_time .. x_ev_extra4    - the event
--
-- Returns:
--      id of the event
--
-- Errors:
--      consumer not registered
--
-- Tables:
--      reads pgq.queue, consumer, subscription; inserts into pgq.retry_queue
-- ----------------------------------------------------------------------
declare
    v_owner int4;
    v_queue int4;
    v_seq text;
    v_id int8 := x_ev_id;
begin
    select s.sub_id, s.sub_queue, q.queue_event_seq
      into v_owner, v_queue, v_seq
      from pgq.queue q
      join pgq.subscription s on s.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = x_queue
       and c.co_name = x_consumer;
    if not found then
        raise exception 'consumer not registered';
    end if;

    if v_id is null then
        v_id := nextval(pgq.quote_fqname(v_seq)::regclass);
    end if;
    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_txid, ev_owner, ev_retry,
                                 ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    values (x_retry_after, v_queue, v_id, x_ev_time, null, v_owner, x_ev_retry,
            x_ev_type, x_ev_data, x_ev_extra1, x_ev_extra2, x_ev_extra3, x_ev_extra4);
    return v_id;
end;
$$;
