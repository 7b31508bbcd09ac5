create or replace function pgq.event_retry(x_batch_id int8, x_event_id int8, x_retry_time timestamptz)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.event_retry(3)
--
--      Asks for an event of an open batch to be delivered to its consumer again.
--
-- Parameters:
--      x_batch_id      - open batch
--      x_event_id      - event of that batch
--      x_retry_time    - not before that time; the other form: x_retry_seconds, that many seconds from now
--
-- Returns:
--      1; 0 when the event waits already
--
-- Errors:
--      event not found     (or no such batch)
--
-- A queue that is closed for inserts (a branch) takes the event back only when it is opened; a warning says so.
--
-- Ancestor: such an event ends all retries of the database.
--
-- Tables:
--      reads the batch; inserts into pgq.retry_queue
-- ----------------------------------------------------------------------
declare
    v_owner int4;
    v_queue int4;
    v_closed text;
begin
    select sub_id, sub_queue into v_owner, v_queue from pgq.subscription where sub_batch = x_batch_id;
    if not found then
        raise exception 'event not found';
    end if;

    select queue_name into v_closed from pgq.queue where queue_id = v_queue and queue_disable_insert;
    if found then
        raise warning 'queue "%" is closed for inserts: the event waits until it is opened', v_closed
            using hint = 'A branch is closed until it becomes the root; its readers better keep such events themselves.';
    end if;

    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_txid, ev_owner, ev_retry,
                                 ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    select x_retry_time, v_queue, e.ev_id, e.ev_time, null, v_owner, coalesce(e.ev_retry, 0) + 1,
           e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
      from pgq.get_batch_events(x_batch_id) e
     where e.ev_id = x_event_id;
    if not found then
        raise exception 'event not found';
    end if;
    return 1;
exception
    when unique_violation then
        return 0;
end;
$$;

create or replace function pgq.event_retry(x_batch_id int8, x_event_id int8, x_retry_seconds int4)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.event_retry(3)
--
--      Asks for an event to be delivered again after some seconds. See the other form.
-- ----------------------------------------------------------------------
begin
    return pgq.event_retry(x_batch_id, x_event_id, now() + make_interval(secs => x_retry_seconds));
end;
$$;
