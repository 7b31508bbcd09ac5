create or replace function pgq.batch_retry(i_batch_id int8, i_retry_seconds int4)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.batch_retry(2)
--
--      Asks for all events of an open batch to be delivered to its consumer again.
--
-- Parameters:
--      i_batch_id      - open batch
--      i_retry_seconds - after that many seconds
--
-- Returns:
--      number of events, without those that wait already
--
-- Errors:
--      batch_retry: batch <n> not found
--
-- Tables:
--      reads the batch; inserts into pgq.retry_queue
-- ----------------------------------------------------------------------
declare
    v_owner int4;
    v_queue int4;
    v_count int4;
begin
    select sub_id, sub_queue into v_owner, v_queue from pgq.subscription where sub_batch = i_batch_id;
    if not found then
        raise exception 'batch_retry: batch % not found', i_batch_id;
    end if;

    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_txid, ev_owner, ev_retry,
                                 ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    select distinct on (e.ev_id) now() + make_interval(secs => i_retry_seconds), v_queue, e.ev_id, e.ev_time, null::int8,
           v_owner, coalesce(e.ev_retry, 0) + 1,
           e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
      from pgq.get_batch_events(i_batch_id) e
     order by e.ev_id
    on conflict on constraint rq_pkey do nothing;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;
