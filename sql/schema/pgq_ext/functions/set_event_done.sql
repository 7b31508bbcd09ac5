create or replace function pgq_ext.set_event_done(a_consumer text, a_subconsumer text, a_batch_id int8, a_event_id int8)
returns bool
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_event_done(4)
--
--      Notes that a reader has finished an event. The first event of another batch removes the marks of the
--      batch before.
--
-- Parameters:
--      a_consumer    - reader
--      a_subconsumer - part of the reader that keeps a position of its own; '': none
--      a_batch_id    - batch
--      a_event_id    - event
--
-- Returns:
--      false when it was noted already
--
-- Tables:
--      inserts into pgq_ext.completed_event, deletes from it; inserts into or updates pgq_ext.partial_batch
-- ----------------------------------------------------------------------
declare
    v_batch int8;
begin
    if pgq_ext.is_event_done(a_consumer, a_subconsumer, a_batch_id, a_event_id) then
        return false;
    end if;

    select cur_batch_id into v_batch
      from pgq_ext.partial_batch
     where consumer_id = a_consumer
       and subconsumer_id = a_subconsumer;
    if v_batch is distinct from a_batch_id then
        delete from pgq_ext.completed_event
         where consumer_id = a_consumer
           and subconsumer_id = a_subconsumer
           and batch_id = v_batch;
        insert into pgq_ext.partial_batch (consumer_id, subconsumer_id, cur_batch_id)
        values (a_consumer, a_subconsumer, a_batch_id)
        on conflict on constraint partial_batch_pkey do update set cur_batch_id = excluded.cur_batch_id;
    end if;

    insert into pgq_ext.completed_event (consumer_id, subconsumer_id, batch_id, event_id)
    values (a_consumer, a_subconsumer, a_batch_id, a_event_id);
    return true;
end;
$$;

create or replace function pgq_ext.set_event_done(a_consumer text, a_batch_id int8, a_event_id int8)
returns bool
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_event_done(3)
--
--      As the other form, for a reader without parts.
--
-- Returns:
--      as the other form
-- ----------------------------------------------------------------------
begin
    return pgq_ext.set_event_done(a_consumer, '', a_batch_id, a_event_id);
end;
$$;
