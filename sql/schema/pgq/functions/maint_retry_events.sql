create or replace function pgq.maint_retry_events()
returns int4
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.maint_retry_events(0)
--
--      Puts up to ten due events of the retry queue back into their queues, oldest first. Callers repeat until 0.
--
-- Returns:
--      number of events moved
--
-- Tables:
--      deletes from pgq.retry_queue; inserts into event tables
--
-- Locks:
--      pgq.retry_queue in share update exclusive mode: one mover at a time, new retries may come in
--
-- Ancestor: one queue that is closed for inserts blocks all retries; here its events wait alone.
-- ----------------------------------------------------------------------
declare
    r record;
    v_count int4 := 0;
begin
    lock table pgq.retry_queue in share update exclusive mode;

    for r in
        select q.queue_name, rq.ev_id, rq.ev_time, rq.ev_owner, rq.ev_retry, rq.ev_type, rq.ev_data,
               rq.ev_extra1, rq.ev_extra2, rq.ev_extra3, rq.ev_extra4
          from pgq.retry_queue rq
          join pgq.queue q on q.queue_id = rq.ev_queue
         where rq.ev_retry_after <= current_timestamp
           and (not q.queue_disable_insert or pgq._may_replay())
         order by rq.ev_retry_after
         limit 10
    loop
        perform pgq.insert_event_raw(r.queue_name, r.ev_id, r.ev_time, r.ev_owner, r.ev_retry, r.ev_type, r.ev_data,
                                     r.ev_extra1, r.ev_extra2, r.ev_extra3, r.ev_extra4);
        delete from pgq.retry_queue where ev_owner = r.ev_owner and ev_id = r.ev_id;
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
