create or replace function londiste_rs.revive_event(i_queue_name text, i_consumer_name text, i_event_id int8)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.revive_event(3)
--
--      Gives dead events back to their reader, which gets them with one of its next batches as if they had never
--      been retried.
--
-- Parameters:
--      i_queue_name    - queue
--      i_consumer_name - consumer
--      i_event_id      - event; null: all of them
--
-- Returns:
--      how many
--
-- Errors:
--      consumer not registered
--
-- Tables:
--      deletes from londiste_rs.dead_event, inserts into pgq.retry_queue
-- ----------------------------------------------------------------------
declare
    v_queue int4;
    v_owner int4;
    v_count int4;
begin
    select s.sub_queue, s.sub_id into v_queue, v_owner
      from pgq.queue q
      join pgq.subscription s on s.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = i_queue_name
       and c.co_name = i_consumer_name;
    if not found then
        raise exception 'consumer not registered';
    end if;
    with back as (
        delete from londiste_rs.dead_event e
         where e.queue_name = i_queue_name and e.consumer_name = i_consumer_name and not e.is_detached
           and (i_event_id is null or e.ev_id = i_event_id)
           and not exists (select 1 from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.ev_id)
        returning e.*
    )
    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_owner, ev_retry, ev_type, ev_data,
                                 ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    select now(), v_queue, b.ev_id, b.ev_time, v_owner, 0, b.ev_type, b.ev_data,
           b.ev_extra1, b.ev_extra2, b.ev_extra3, b.ev_extra4
      from back b;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

revoke execute on function londiste_rs.revive_event(text, text, int8) from public;
