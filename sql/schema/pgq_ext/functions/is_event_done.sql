create or replace function pgq_ext.is_event_done(a_consumer text, a_subconsumer text, a_batch_id int8, a_event_id int8)
returns bool
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_event_done(4)
--
--      Tells whether a reader has finished an event of a batch.
--
-- Parameters:
--      a_consumer    - reader
--      a_subconsumer - part of the reader that keeps a position of its own; '': none
--      a_batch_id    - batch
--      a_event_id    - event
--
-- Returns:
--      true when it has
-- ----------------------------------------------------------------------
begin
    return exists (
        select 1 from pgq_ext.completed_event
         where consumer_id = a_consumer
           and subconsumer_id = a_subconsumer
           and batch_id = a_batch_id
           and event_id = a_event_id
    );
end;
$$;

create or replace function pgq_ext.is_event_done(a_consumer text, a_batch_id int8, a_event_id int8)
returns bool
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_event_done(3)
--
--      As the other form, for a reader without parts.
--
-- Returns:
--      as the other form
-- ----------------------------------------------------------------------
begin
    return pgq_ext.is_event_done(a_consumer, '', a_batch_id, a_event_id);
end;
$$;
