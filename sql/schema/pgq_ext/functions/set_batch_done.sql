create or replace function pgq_ext.set_batch_done(a_consumer text, a_subconsumer text, a_batch_id int8)
returns bool
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_batch_done(3)
--
--      Notes that a reader has finished a batch. To be called in the transaction that does the work.
--
-- Parameters:
--      a_consumer    - reader
--      a_subconsumer - part of the reader that keeps a position of its own; '': none
--      a_batch_id    - batch
--
-- Returns:
--      false when it was noted already
--
-- Tables:
--      inserts into or updates pgq_ext.completed_batch
-- ----------------------------------------------------------------------
begin
    if pgq_ext.is_batch_done(a_consumer, a_subconsumer, a_batch_id) then
        return false;
    end if;
    if a_batch_id > 0 then
        insert into pgq_ext.completed_batch (consumer_id, subconsumer_id, last_batch_id)
        values (a_consumer, a_subconsumer, a_batch_id)
        on conflict on constraint completed_batch_pkey do update set last_batch_id = excluded.last_batch_id;
    end if;
    return true;
end;
$$;

create or replace function pgq_ext.set_batch_done(a_consumer text, a_batch_id int8)
returns bool
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_batch_done(2)
--
--      As the other form, for a reader without parts.
--
-- Returns:
--      as the other form
-- ----------------------------------------------------------------------
begin
    return pgq_ext.set_batch_done(a_consumer, '', a_batch_id);
end;
$$;
