create or replace function pgq_ext.is_batch_done(a_consumer text, a_subconsumer text, a_batch_id int8)
returns bool
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_batch_done(3)
--
--      Tells whether a reader has finished a batch.
--
-- Parameters:
--      a_consumer    - reader
--      a_subconsumer - part of the reader that keeps a position of its own; '': none
--      a_batch_id    - batch
--
-- Returns:
--      true when it is the last one that it has finished
-- ----------------------------------------------------------------------
begin
    return exists (
        select 1 from pgq_ext.completed_batch
         where consumer_id = a_consumer
           and subconsumer_id = a_subconsumer
           and last_batch_id = a_batch_id
    );
end;
$$;

create or replace function pgq_ext.is_batch_done(a_consumer text, a_batch_id int8)
returns bool
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_batch_done(2)
--
--      As the other form, for a reader without parts.
--
-- Returns:
--      as the other form
-- ----------------------------------------------------------------------
begin
    return pgq_ext.is_batch_done(a_consumer, '', a_batch_id);
end;
$$;
