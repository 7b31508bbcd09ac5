create or replace function londiste_rs.bury_event(i_batch_id int8, i_event_id int8, i_reason text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.bury_event(3)
--
--      Puts an event of an open batch aside for good: its reader has given it up. It can be looked at, and revived.
--
-- Parameters:
--      i_batch_id  - open batch
--      i_event_id  - event of the batch
--      i_reason    - why
--
-- Returns:
--      1; 0 when it lies there already
--
-- Errors:
--      batch not found
--      event not found
--
-- Tables:
--      reads the batch; inserts into londiste_rs.dead_event
-- ----------------------------------------------------------------------
declare
    v_queue text;
    v_consumer text;
begin
    select q.queue_name, main.co_name into v_queue, v_consumer
      from pgq.subscription s
      join pgq.queue q on q.queue_id = s.sub_queue
      cross join lateral (
            select c.co_name from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
             where g.sub_id = s.sub_id order by length(c.co_name), c.co_name limit 1) main
     where s.sub_batch = i_batch_id;
    if not found then
        raise exception 'batch not found';
    end if;
    if exists (select 1 from londiste_rs.dead_event e
                where e.queue_name = v_queue and e.consumer_name = v_consumer and e.ev_id = i_event_id)
    then
        return 0;
    end if;
    insert into londiste_rs.dead_event (queue_name, consumer_name, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                        ev_extra1, ev_extra2, ev_extra3, ev_extra4, reason)
    select v_queue, v_consumer, e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
           e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4, coalesce(i_reason, '')
      from pgq.get_batch_events(i_batch_id) e
     where e.ev_id = i_event_id
     limit 1;
    if not found then
        raise exception 'event not found';
    end if;
    return 1;
end;
$$;

revoke execute on function londiste_rs.bury_event(int8, int8, text) from public;
